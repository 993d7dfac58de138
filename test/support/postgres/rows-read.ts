import pg from 'pg';
import type { Sequelize } from 'sequelize';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { eventually } from '../eventually.ts';

const APPLICATION = 'plantao:-:rows-read';

/**
 * Returns how many rows of a table, such as `plantao.messages`, the statements of `work` read, on a pool of one connection. PostgreSQL
 * reports what a session has read at its end.
 */
export async function rowsRead(
  url: string,
  table: string,
  work: (sequelize: Sequelize) => Promise<unknown>,
): Promise<number> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const count = async () => {
    const { rows } = await client.query<{ count: number }>(
      `SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS count FROM pg_stat_user_tables WHERE relid = $1::regclass`,
      [table],
    );
    return rows[0]?.count ?? 0;
  };
  const isOver = async () => {
    const { rowCount } = await client.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [APPLICATION]);
    return rowCount === 0;
  };
  try {
    const before = await count();
    const sequelize = openSequelize(url, APPLICATION, 1);
    await work(sequelize).finally(() => closeSequelize(sequelize));
    await eventually('the session has ended', isOver);
    return (await count()) - before;
  } finally {
    await client.end();
  }
}
