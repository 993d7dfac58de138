import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../src/local-cluster/demo-data.ts';
import { eventually } from '../support/eventually.ts';
import { get, post } from '../support/network/http.ts';
import { healthOf, nodeOfRole } from '../support/nodes/health.ts';
import { type NodeProcess, startCluster, type TestCluster } from '../support/nodes/node-process.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { firingAlerts, hasPromtool, type Scrape, scrape } from '../support/prometheus.ts';

const PATIENCE = { within: 30_000 };

/** Real nodes, their real metrics, and the rules of .ops. The unit tests of the rules use invented metrics. */
describe('The alerts of .ops on the metrics of nodes', function () {
  this.timeout(120_000);
  let postgres: OwnPostgres;
  let dba: pg.Client;
  let cluster: TestCluster;

  before(async function () {
    if (!hasPromtool()) return this.skip();
    postgres = await startPostgresOfItsOwn();
    await seedData(postgres.url);
    dba = new pg.Client({ connectionString: postgres.url });
    await dba.connect();
    cluster = await startCluster({ databaseUrl: postgres.url, env: { LEASE_MS: '1000' } });
    await untilSettled();
  });
  after(async () => {
    await cluster?.stop();
    await dba?.end();
    await postgres?.remove();
  });

  const untilSettled = () =>
    eventually(
      'one node is active, the other a standby, and both are ready',
      async () => {
        const healths = await Promise.all(cluster.nodes.map((node) => healthOf(node)));
        const roles = healths.map(({ role }) => role);
        const ready = await Promise.all(cluster.nodes.map(({ url }) => get(`${url}/readiness`)));
        return roles.sort().join() === 'active,standby' && ready.every(({ status }) => status === 200);
      },
      PATIENCE,
    );
  const nodeIn = (role: string) => nodeOfRole(cluster.nodes, role, PATIENCE);
  const newestTerm = async () => {
    const { rows } = await dba.query<{ term: number }>('SELECT max(term)::int AS term FROM plantao.leader_history');
    return rows[0]?.term ?? 0;
  };
  const send = (node: NodeProcess) => post(`${node.url}/messages`, { userId: 1, groupId: 1, content: 'Olá!' });
  /** Reads at a moment at which no request waits for the pool: held for minutes, that would be an alert of its own. */
  const metrics = () =>
    eventually('no request waits', async () => {
      const samples = await scrape(cluster.nodes);
      const waits = [...samples].some(([name, value]) => /waiting_requests|queued_requests/.test(name) && value > 0);
      return !waits && samples;
    });
  /** After five minutes without a fault, the metrics of the fault for ten. */
  const firing = (before: Scrape, during: Scrape) =>
    firingAlerts([
      { of: before, minutes: 5 },
      { of: during, minutes: 10 },
    ]);

  it('are silent without a fault', async () => {
    await send(await nodeIn('active'));
    expect(firing(await metrics(), await metrics())).to.deep.equal([]);
  });

  it('fire when a standby dies', async () => {
    const before = await metrics();
    const standby = await nodeIn('standby');
    standby.kill('SIGKILL');
    await standby.waitForExit();
    const during = await metrics();
    await standby.start();
    await untilSettled();
    expect(firing(before, during)).to.deep.equal(['PlantaoNoStandby', 'PlantaoNodeDown']);
  });

  it('fire when no node is active', async () => {
    const before = await metrics();
    for (const { url } of cluster.nodes) await post(`${url}/fall`);
    const during = await metrics();
    for (const { url } of cluster.nodes) await post(`${url}/revive`);
    await untilSettled();
    expect(firing(before, during)).to.deep.equal(['PlantaoNoActiveNode']);
  });

  it('fire while failover is paused', async () => {
    const before = await metrics();
    const { url } = await nodeIn('active');
    await post(`${url}/pause`, { minutes: 1 });
    await eventually('it knows', async () => (await get(`${url}/health`)).body.paused_until !== null, PATIENCE);
    const during = await metrics();
    await post(`${url}/resume`);
    await untilSettled();
    expect(firing(before, during)).to.deep.equal(['PlantaoPaused']);
  });

  it('fire when the active role moves often, for any reason', async () => {
    const before = await metrics();
    for (let moves = 0; moves < 5; moves += 1) {
      const [active, term] = [await nodeIn('active'), await newestTerm()];
      if (moves % 2 === 0) await post(`${active.url}/switchover`, {});
      else await dba.query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
      await eventually('another term begins', async () => (await newestTerm()) > term, PATIENCE);
      await untilSettled();
    }
    expect(firing(before, await metrics())).to.deep.equal(['PlantaoFrequentPromotions']);
  });

  it('fire when a session blocks posts', async () => {
    const active = await nodeIn('active');
    await send(active);
    const before = await metrics();
    await dba.query('BEGIN; LOCK TABLE plantao.messages IN SHARE MODE');
    expect((await send(active)).status).to.equal(503);
    const during = await metrics();
    await dba.query('ROLLBACK');
    expect(firing(before, during)).to.include('PlantaoPostsFail');
    await untilSettled();
  });

  it('fire when the event log cannot be read', async () => {
    const before = await metrics();
    await dba.query('ALTER VIEW plantao.event_feed RENAME TO event_feed_away');
    const ageOf = (samples: Scrape) =>
      Math.min(...[...samples].filter(([name]) => name.startsWith('plantao_log_read_age')).map(([, value]) => value));
    await eventually('the last read is old', async () => ageOf(await metrics()) > 5, PATIENCE);
    const during = await metrics();
    await dba.query('ALTER VIEW plantao.event_feed_away RENAME TO event_feed');
    expect(firing(before, during)).to.include.members(['PlantaoEventLogNotRead', 'PlantaoNodeNotReady']);
    await untilSettled();
  });

  it('fire when commits wait for a standby of PostgreSQL', async () => {
    const before = await metrics();
    await dba.query("ALTER SYSTEM SET synchronous_standby_names = 'nowhere'");
    await dba.query('SELECT pg_reload_conf()');
    const active = await nodeIn('active');
    const posts: Promise<unknown>[] = [];
    const waits = (samples: Scrape) => [...samples].some(([name, value]) => /standby_waits/.test(name) && value > 0);
    const during = await eventually(
      'a commit waits',
      async () => {
        posts.push(send(active));
        const samples = await metrics();
        return waits(samples) && samples;
      },
      PATIENCE,
    );
    await dba.query('ALTER SYSTEM RESET synchronous_standby_names');
    await dba.query('SELECT pg_reload_conf()');
    await Promise.all(posts);
    expect(firing(before, during)).to.include('PlantaoCommitsWaitForStandby');
    await untilSettled();
  });

  it('fire at the first unexpected error', async () => {
    const before = await metrics();
    const internal = [...before.keys()].filter((name) => /^plantao_errors_total.*code="internal_error"/.test(name));
    // A counter that appears with its first error has not increased, for Prometheus.
    expect(internal).to.have.length(cluster.nodes.length);
    const during = new Map([...before, ...internal.map((name): [string, number] => [name, 1])]);
    expect(firing(before, before)).to.not.include('PlantaoInternalErrors');
    expect(firing(before, during)).to.include('PlantaoInternalErrors');
  });
});
