import { expect } from 'chai';
import type { ClusterSignal } from '../../../../src/coordination/peers/cluster-signal.ts';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const URL_OF_NONE = 'http://127.0.0.1:9';

/** The notifications that a role that may merely connect can send all the time; `term` increases. */
const FORGED: [what: string, signals: (term: number) => ClusterSignal[]][] = [
  ['promotions of a node that does not exist', (term) => [{ kind: 'promoted', term, node: 'evil', url: URL_OF_NONE }]],
  ['resignations to a node that does not exist', (term) => [{ kind: 'resigned', term, to: 'evil' }]],
  [
    'both, of the term that /health shows',
    () => [
      { kind: 'resigned', term: 1, to: 'evil' },
      { kind: 'promoted', term: 2, node: 'evil', url: URL_OF_NONE },
    ],
  ],
];

describe('A role that forges notifications all the time', function () {
  this.timeout(60_000);
  const { database, sql: forger } = useDatabase({ each: true });
  let nodes: TwoNodes;

  beforeEach(async () => {
    await seedData(database.url);
    nodes = await startTwoNodes(database.url, { STANDBY_WRITES: 'forward', LEASE_MS: '2000' });
  });
  afterEach(async () => {
    await nodes?.stop().catch(() => {});
  });

  /** Sends them about every 10 ms while `work` goes on, which begins after some were sent. */
  async function whileForging(signals: (term: number) => ClusterSignal[], work: () => Promise<void>): Promise<void> {
    let isOver = false;
    let rounds = 0;
    const forging = (async () => {
      for (; !isOver; rounds++) {
        for (const signal of signals(1000 + rounds))
          await forger.query("SELECT pg_notify('plantao_cluster', $1), pg_sleep(0.01)", [JSON.stringify(signal)]);
      }
    })();
    await eventually('some were sent', () => rounds > 20, { within: 10_000 });
    await work().finally(() => {
      isOver = true;
    });
    await forging;
  }

  for (const [what, signals] of FORGED) {
    it(`does not keep a standby from forwarding writes: ${what}`, async () => {
      const send = () => post(`${nodes.standby.url}/messages`, { userId: 1, groupId: 1, content: 'forwarded' });
      const isStored = async () => (await send()).status === 200;
      await whileForging(signals, async () => {
        await eventually('a write is forwarded', isStored, { within: 10_000 });
        await always('each is', isStored, { forMs: 3000 });
        const { body } = await get(`${nodes.standby.url}/health`);
        expect(body).to.include({ active_node: nodes.active.name, term: 1 });
      });
    });

    it(`does not keep a standby from taking over: ${what}`, async () => {
      await whileForging(signals, async () => {
        await nodes.active.stop();
        const isActive = async () => (await get(`${nodes.standby.url}/health`)).body.active === true;
        await eventually('it is active', isActive, { within: 10_000 });
      });
    });
  }

  for (const kind of ['switchover', 'pause', 'promoted', 'resigned']) {
    it(`costs no node its role and delays no request for long when it sends thousands in one statement: ${kind}`, async () => {
      const { url } = nodes.active;
      await forger.query(
        `SELECT count(pg_notify('plantao_cluster', json_build_object('kind', $1::text, 'term', 1000 + n,
           'node', 'evil-' || n, 'to', 'evil', 'url', $2::text, 'n', n)::text)) FROM generate_series(1, 30000) n`,
        [kind, URL_OF_NONE],
      );
      const isServed = async () => {
        const startedAt = performance.now();
        const stored = await post(
          `${url}/messages`,
          { userId: 1, groupId: 1, content: 'stored' },
          { deadline: 15_000 },
        );
        const read = await get(`${url}/messages?groupId=1&limit=1`, { deadline: 15_000 });
        expect([stored.status, read.status]).to.deep.equal([200, 200]);
        return performance.now() - startedAt < 3000;
      };
      await always('a post and a read are served', isServed, { forMs: 3000 });
      const { body } = await get(`${url}/health`);
      expect(body).to.include({ active: true, term: 1 });
    });
  }
});
