/**
 * Returns a time of the database in ISO 8601; null for one that JavaScript cannot represent. PostgreSQL's `infinity` arrives as a
 * number, and years beyond 275,760 as an invalid Date.
 */
export function isoTime(time: unknown): string | null {
  return time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : null;
}
