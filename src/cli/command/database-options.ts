/** Options of every command that uses the database. */
export const DATABASE_OPTIONS = { database: { type: 'string' }, json: { type: 'boolean', default: false } } as const;

/** The lines about {@link DATABASE_OPTIONS} in a usage text. */
export const DATABASE_USAGE = `  --database URL  the database; default DATABASE_URL of the environment or .env, several hosts included
  --json          print the result as JSON
`;
