/** A client of a test's database. */
interface Client {
  query(text: string, values: unknown[]): Promise<{ rows: unknown[] }>;
}

/**
 * Returns how many sessions of the client's database wait for a lock of PostgreSQL; with `relation`, for one on that table. Those of other
 * databases do not count, although clones of one template have tables with equal oids.
 */
export async function lockWaits(client: Client, relation: string | null = null): Promise<number> {
  const { rows } = await client.query(
    `SELECT FROM pg_locks JOIN pg_stat_activity USING (pid)
     WHERE NOT granted AND datname = current_database() AND ($1::text IS NULL OR relation = $1::regclass)`,
    [relation],
  );
  return rows.length;
}
