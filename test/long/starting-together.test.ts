import { expect } from 'chai';
import { OneActiveWatch } from '../../src/prove/rig/one-active-watch.ts';
import { eventually } from '../support/eventually.ts';
import { get } from '../support/network/http.ts';
import { startCluster } from '../support/nodes/node-process.ts';
import { useDatabase } from '../support/postgres/use-database.ts';

const TIMES = Number(process.env.TIMES ?? 100);
const EACH_MS = 30_000;

describe('Two nodes that start at the same time, both with IS_ACTIVE=true', () => {
  const { database, sql: client } = useDatabase();

  it(`become one active node and one standby, ${TIMES} times out of ${TIMES}`, async function () {
    this.timeout(TIMES * EACH_MS);
    for (let time = 1; time <= TIMES; time++) {
      const cluster = await startCluster({ databaseUrl: database.url, env: { IS_ACTIVE: 'true' } });
      const watch = new OneActiveWatch(cluster.nodes.map(({ url }) => url));
      watch.start();
      try {
        await eventually('one node is active, and both name it', async () => {
          const all = await Promise.all(cluster.nodes.map(async ({ url }) => (await get(`${url}/health`)).body));
          const names = new Set(all.map((one) => one.active_node));
          return all.filter(({ active }) => active === true).length === 1 && names.size === 1 && !names.has(null);
        });
      } finally {
        await watch.stop();
        await cluster.stop();
      }
      if (time % 10 === 0) console.log(`      ${time} of ${TIMES}`);
    }
    const { rows } = await client.query(
      "SELECT count(*)::int AS overlaps FROM plantao.leader_history WHERE gap < interval '0'",
    );
    expect(rows).to.deep.equal([{ overlaps: 0 }]);
  });
});
