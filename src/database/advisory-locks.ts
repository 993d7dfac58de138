/**
 * The class of this project's advisory locks: "PLNT" as a number. Whatever holds up writes is a lock that needs a
 * privilege instead: the schema plantao_mutexes (migrations/0002_event_log.sql).
 */
const CLASS = 1347178068;

/** Held by the lock session of the node on duty. */
export const LEADER_LOCK = [CLASS, 1] as const;
/** Held by whoever migrates; of two nodes that start together one waits for it. */
export const MIGRATION_LOCK = [CLASS, 4] as const;
