/** Reads how long no node has been active, as far as the database knows, in milliseconds; null if none ever was. */
export const READ_NO_ACTIVE_MS = `
  SELECT plantao.ms_between(plantao.last_active_at(max(term)), clock_timestamp()) AS ms FROM plantao.leader_terms`;

/** A row of {@link READ_NO_ACTIVE_MS}. */
export interface NoActiveRow {
  ms: number | null;
}
