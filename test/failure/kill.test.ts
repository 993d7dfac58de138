import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../support/eventually.ts';
import { get, type JsonObject, post } from '../support/http.ts';
import { type NodeProcess, startCluster } from '../support/node-process.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { Scene } from './scene.ts';

interface Term {
  term: number;
  node: string;
  reason: string;
  end_reason: string | null;
  /** Milliseconds from a moment that the test has noted, by the clock of the database. */
  after: number;
  gap: number;
}

/** None of these hand-overs waits for the lease to run out, so it may be as long as it likes. */
const LEASE_MS = 20_000;

describe('Two processes on one database', () => {
  let database: TestDatabase;
  let scene: Scene;
  before(async function () {
    this.timeout(120_000);
    database = await createDatabase();
    scene = await Scene.open({ databaseUrl: database.url, leaseMs: LEASE_MS });
  });
  after(async function () {
    this.timeout(120_000);
    await scene?.close();
    await database?.drop();
  });

  const clock = async () => (await scene.sql<{ now: string }>('SELECT clock_timestamp()::text AS now'))[0]?.now ?? '';
  /** The newest term. */
  const newest = async (since: string): Promise<Term> => {
    const [row] = await scene.sql<Term>(
      `SELECT term::int, node, reason, lag(end_reason) OVER (ORDER BY term) AS end_reason,
              extract(epoch FROM started_at - $1::timestamptz)::float8 * 1000 AS after,
              extract(epoch FROM gap)::float8 * 1000 AS gap
       FROM plantao.leader_history ORDER BY term DESC LIMIT 1`,
      [since],
    );
    if (!row) throw new Error('there was no term');
    return row;
  };

  it('kill -9 of the active: the standby is active in well under a second, and the killed one returns as a standby', async function () {
    this.timeout(120_000);
    const killed = await scene.active();
    const [standby] = (await scene.standbys()) as [NodeProcess];
    const since = await clock();
    const { logOf } = await scene.broken(() => killed.kill('SIGKILL'), { mend: () => killed.start() });
    const term = await newest(since);
    expect(term.node).to.equal(standby.name);
    // Whichever is first, the closed connection or the next try.
    expect(term.reason).to.be.oneOf([`${killed.name} went silent`, 'the leader lock was free']);
    expect(term.end_reason).to.equal(`lock lost, taken over by ${standby.name}`);
    expect(term.after, 'ms from the kill to the next term, by the clock of the database').to.be.within(0, 800);
    // From the killed one's last sign of life, not from when its successor closed its term.
    expect(term.gap).to.be.within(1, 800);
    expect(logOf(standby).filter(({ event }) => event === 'promoted')).to.have.length(1);
    const { body } = await get(`${killed.url}/health`);
    expect(body).to.include({ status: 'alive', active: false, role: 'standby', active_node: standby.name });
    const refused = await post(`${killed.url}/messages`, { userId: 1, groupId: 1, content: 'x' });
    expect(refused.body).to.include({ code: 'not_active', active_url: standby.url });
  });

  it('/fall hands over in milliseconds, and /revive brings a standby back', async function () {
    this.timeout(120_000);
    const fallen = await scene.active();
    const [standby] = (await scene.standbys()) as [NodeProcess];
    const since = await clock();
    let answer: JsonObject = {};
    await scene.broken(
      async () => {
        answer = (await post(`${fallen.url}/fall`)).body;
      },
      { mend: () => post(`${fallen.url}/revive`) },
    );
    expect(answer).to.deep.equal({ status: 'system down', active: false });
    const term = await newest(since);
    expect(term).to.include({ node: standby.name, end_reason: 'fall' });
    expect(term.gap, 'ms from the close of one term to the start of the next').to.be.within(0, 300);
    expect((await get(`${fallen.url}/health`)).body).to.include({ role: 'standby', active_node: standby.name });
  });

  it('SIGTERM of the active hands over before the process is gone, and ends it with 0', async function () {
    this.timeout(120_000);
    const stopped = await scene.active();
    const [standby] = (await scene.standbys()) as [NodeProcess];
    const since = await clock();
    const { logOf } = await scene.broken(() => stopped.kill('SIGTERM'), {
      mend: async () => {
        expect(await stopped.waitForExit()).to.deep.equal({ code: 0, signal: null });
        await stopped.start();
      },
    });
    expect(await newest(since)).to.include({ node: standby.name, end_reason: 'stopped' });
    const promoted = logOf(standby).find(({ event }) => event === 'promoted');
    const gone = logOf(stopped).find(({ event }) => event === 'stopped');
    expect(promoted?.time).to.be.at.most(gone?.time ?? 0);
  });
});

describe('Two processes started together on an empty database, both with IS_ACTIVE=true,', () => {
  let database: TestDatabase;
  let client: pg.Client;
  before(async () => {
    database = await createDatabase({ empty: true });
    client = new pg.Client({ connectionString: database.url });
    await client.connect();
  });
  after(async () => {
    await client.end();
    await database.drop();
  });

  it('migrate it once, and one of them is active', async function () {
    this.timeout(120_000);
    const cluster = await startCluster({ databaseUrl: database.url, env: { IS_ACTIVE: 'true' } });
    try {
      await eventually('one of them is on duty', () =>
        cluster.nodes.some((node) => node.events('promoted').length > 0),
      );
      const migrating = cluster.nodes.filter(({ lines }) => lines.some((line) => line.includes('applied migration')));
      expect(migrating, 'one of them has migrated').to.have.length(1);
      const { rows } = await client.query('SELECT count(*)::int AS terms FROM plantao.leader_terms');
      expect(rows).to.deep.equal([{ terms: 1 }]);
      const roles = await Promise.all(cluster.nodes.map(async ({ url }) => (await get(`${url}/health`)).body.role));
      expect(roles).to.have.members(['active', 'standby']);
    } finally {
      await cluster.stop();
    }
  });
});
