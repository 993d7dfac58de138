/** The class of this project's advisory locks: "PLNT" as a number. All of them are listed in migrations/0003_cluster.sql. */
const CLASS = 1347178068;

/** Held by the lock session of the node on duty. */
export const LEADER_LOCK = [CLASS, 1] as const;
/** Held by whoever migrates; of two nodes that start together one waits for it. */
export const MIGRATION_LOCK = [CLASS, 4] as const;
/** A class of its own, whose second number is hashtext() of a group's name: held while that name is looked for and made. */
export const GROUP_NAME_CLASS = CLASS + 1;
