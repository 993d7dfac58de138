import { expect } from 'chai';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { get } from '../../../support/network/http.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { Scene } from '../../scene.ts';

const LEASE_MS = 1000;
const HALF_AN_HOUR_MS = 1_800_000;

describe('A node whose wall clock jumps', () => {
  const { database } = useDatabase();
  let scene: Scene;

  before(async function () {
    this.timeout(90_000);
    const imports = ['test/failure/coordination/lock/jumping-clock.ts'];
    scene = await Scene.open({ databaseUrl: database.url, leaseMs: LEASE_MS, imports });
    // A new database's active node logs that it builds the search index, which is no effect of a jump.
    const isBuilt = async () =>
      (await scene.sql<{ built: boolean }>('SELECT is_complete AS built FROM plantao.search_status'))[0]?.built;
    await eventually('the search index is built', isBuilt, { within: 30_000 });
  });
  after(async function () {
    this.timeout(60_000);
    await scene.close();
  });

  for (const [direction, signal] of [
    ['ahead', 'SIGURG'],
    ['back', 'SIGWINCH'],
  ] as const) {
    it(`${direction} keeps its role, and posts are accepted as fast as before`, async function () {
      this.timeout(60_000);
      await scene.untilSettled();
      const active = await scene.active();
      const { gap, logOf } = await scene.broken(
        async () => {
          for (const node of scene.nodes) {
            const since = node.entries.length;
            node.kill(signal);
            const jumped = await node.untilLogged('its jump', ({ event }) => event === 'clock_jumped', { since });
            const byMs = Number(jumped.byMs);
            expect(direction === 'ahead' ? byMs : -byMs).to.be.above(HALF_AN_HOUR_MS);
          }
          // Long enough for a lease that counts by the wrong clock to expire, or never to expire.
          const isActive = async () => (await scene.active()) === active;
          await always('the same node is active', isActive, { forMs: 2 * LEASE_MS });
        },
        { keepsTerm: true },
      );
      expect(gap.ms).to.be.below(LEASE_MS);
      expect(await scene.active()).to.equal(active);
      const said =
        direction === 'ahead' ? /clock is 3\d\d\d s ahead of PostgreSQL/ : /clock is 3\d\d\d s behind PostgreSQL/;
      await eventually('each node says which clock is wrong', async () => {
        const rows = await scene.sql<{ conditions: string | null }>('SELECT conditions FROM plantao.cluster_status');
        return rows.every(({ conditions }) => said.test(conditions ?? ''));
      });
      for (const node of scene.nodes) {
        const others = logOf(node).filter((entry) => (entry as { condition?: string }).condition !== 'clock');
        expect(others.map(({ event }) => event)).to.deep.equal(['clock_jumped']);
      }
      // The page's times are those of the database, from whichever node it reads.
      const { body } = await get<{ now: string }>(`${active.url}/cluster/timeline`);
      expect(Math.abs(Date.parse(body.now) - Date.now())).to.be.below(60_000);
    });
  }
});
