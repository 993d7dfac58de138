import type { Sequelize } from 'sequelize';
import { closeSequelize, openSequelize } from '../../../src/database/pool/sequelize.ts';
import { eventually } from '../eventually.ts';
import { withSession } from './with-session.ts';

const APPLICATION = 'plantao:-:rows-read';

const ROWS = `
  SELECT (seq_tup_read + coalesce(idx_tup_fetch, 0))::int AS count FROM pg_stat_user_tables WHERE relid = $1::regclass`;
const INDEX_BLOCKS = `
  SELECT (idx_blks_read + idx_blks_hit)::int AS count FROM pg_statio_user_tables WHERE relid = $1::regclass`;

type Work = (sequelize: Sequelize) => Promise<unknown>;

/** Returns how many rows of a table, such as `plantao.messages`, the statements of `work` read, on a pool of one connection. */
export const rowsRead = (url: string, table: string, work: Work): Promise<number> => difference(ROWS, url, table, work);

/** Returns how many blocks of the indexes of a table they read: also those of entries that match no row. */
export const indexBlocksRead = (url: string, table: string, work: Work): Promise<number> =>
  difference(INDEX_BLOCKS, url, table, work);

/** Returns how much a count increases. PostgreSQL reports what a session has read at its end. */
async function difference(counts: string, url: string, table: string, work: Work): Promise<number> {
  return withSession(url, async (client) => {
    const count = async () => {
      const { rows } = await client.query<{ count: number }>(counts, [table]);
      return rows[0]?.count ?? 0;
    };
    const isOver = async () => {
      const { rowCount } = await client.query('SELECT FROM pg_stat_activity WHERE application_name = $1', [
        APPLICATION,
      ]);
      return rowCount === 0;
    };
    const before = await count();
    const sequelize = openSequelize(url, APPLICATION, 1);
    await work(sequelize).finally(() => closeSequelize(sequelize));
    await eventually('the session has ended', isOver);
    return (await count()) - before;
  });
}
