/** The public reason while PostgreSQL does not respond, at the end of the sentence of a condition. The cluster page recognizes it. */
export const DATABASE_UNREACHABLE = 'the database cannot be reached, or is too slow';
