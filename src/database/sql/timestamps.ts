/** The latest time that JavaScript can represent. */
const LATEST_MS = 8.64e15;

/**
 * Returns SQL for a time as a number of milliseconds, for the times that a write returns: the text of a time depends on DateStyle, which
 * a DBA's trigger may change during the statement.
 */
export function epochMs(time: string): string {
  return `extract(epoch FROM ${time}) * 1000`;
}

/** Returns the time of {@link epochMs}; the latest or earliest one for a time that JavaScript cannot represent. */
export function timeOfEpoch(ms: string): Date {
  return new Date(Math.max(-LATEST_MS, Math.min(LATEST_MS, Math.floor(Number(ms)))));
}

/**
 * Returns a time of the database in ISO 8601; null for one that JavaScript cannot represent. PostgreSQL's `infinity` arrives as a
 * number, and years beyond 275,760 as an invalid Date.
 */
export function isoTime(time: unknown): string | null {
  return time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : null;
}
