/**
 * SQLSTATEs that this project tells apart (PostgreSQL manual, appendix A; PT… are raised by our own functions).
 * The server's errors are never told apart by their text, which changes with the server's language and version.
 */
export const SqlState = {
  TERM_CLOSED: 'PT001',
  WRONG_ISOLATION: 'PT003',
  LOCK_NOT_AVAILABLE: '55P03',
  INVALID_PASSWORD: '28P01',
  UNDEFINED_TABLE: '42P01',
  QUERY_CANCELED: '57014',
  OUT_OF_MEMORY: '53200',
} as const;

/** The SQLSTATE of an error out of pg or Sequelize, or null where it carries none (a lost connection, a bug). */
export function sqlState(error: unknown): string | null {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 4; depth++) {
    if ('code' in at && typeof at.code === 'string' && /^[0-9A-Z]{5}$/.test(at.code)) return at.code;
    at = ('original' in at && at.original) || ('cause' in at && at.cause) || null;
  }
  return null;
}

/** The constraint that an error out of pg or Sequelize names (classes 23…), or null. */
export function constraintOf(error: unknown): string | null {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 4; depth++) {
    // Sequelize's own errors have a field of this name too, without the SQLSTATE beside it.
    if ('constraint' in at && typeof at.constraint === 'string' && 'code' in at) return at.constraint;
    at = ('original' in at && at.original) || ('cause' in at && at.cause) || null;
  }
  return null;
}

/**
 * True where the database could not be asked or could not do it for now, so the same request may succeed later:
 * connection trouble (08…), a password that was changed under us (28…), resources (53…, disk full among them), operator
 * intervention (57…, shutdown and time-outs), locks and serialization (55P03, 40…), a read-only server (25006), and errors
 * without a SQLSTATE from the socket or pool.
 */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error);
  if (state !== null) return /^(08|28|53|57|40|58|55P03|25006|25P03)/.test(state);
  const name = error instanceof Error ? error.name : '';
  const code = codeOf(error);
  return (
    name === 'SessionLostError' ||
    /^Sequelize(Connection|Host|Timeout|AccessDenied|InvalidConnection)/.test(name) ||
    /^(ECONN|ETIMEDOUT|EPIPE|EHOST|ENET|ENOTFOUND|EAI_)/.test(code) ||
    ((name === 'SequelizeDatabaseError' || name === 'Error') && LOST_CLIENT.test(messageOf(error)))
  );
}

/** What pg says of a client whose connection is gone: it has neither a code nor a name for it. */
const LOST_CLIENT = /Connection terminated|Query read timeout|and is not queryable/;

function codeOf(error: unknown): string {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 4; depth++) {
    if ('code' in at && typeof at.code === 'string') return at.code;
    at = ('original' in at && at.original) || null;
  }
  return '';
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
