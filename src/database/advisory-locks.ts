/**
 * The class of this project's advisory locks: "PLNT" as a number. Any role can take an advisory lock. Locks that could delay writes
 * are therefore in the schema plantao_mutexes, where they require a privilege (migrations/0002_event_log.sql).
 */
const CLASS = 1347178068;

/** Held by the lock session of the active node. */
export const LEADER_LOCK = [CLASS, 1] as const;
/** Held during a migration. Of two nodes that start together, one waits for it. */
export const MIGRATION_LOCK = [CLASS, 4] as const;
