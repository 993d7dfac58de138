/** The reason that a node publishes while PostgreSQL does not respond. Sentences end with it, and the cluster page recognizes it. */
export const DATABASE_UNREACHABLE = 'the database cannot be reached, or is too slow';
