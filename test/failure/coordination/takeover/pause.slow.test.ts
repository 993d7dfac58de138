import { expect } from 'chai';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { OneActiveWatch } from '../../../../src/prove/rig/one-active-watch.ts';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { plantao } from '../../../support/nodes/command.ts';
import { healthOf } from '../../../support/nodes/health.ts';
import { type NodeProcess, startCluster, type TestCluster } from '../../../support/nodes/node-process.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const LEASE_MS = 1000;
/** Without a pause a standby takes over within milliseconds after a kill, and within a lease after a freeze. */
const SEVERAL_LEASES_MS = 3 * LEASE_MS;

interface Health {
  active: boolean;
  ready: boolean;
  conditions: { name: string; reason: string }[];
}

describe('A pause of failover', function () {
  this.timeout(90_000);
  const { database, sql: dba } = useDatabase({ each: true });
  let cluster: TestCluster;
  let watch: OneActiveWatch;
  let active: NodeProcess;
  let standby: NodeProcess;

  beforeEach(async () => {
    await seedData(database.url);
    cluster = await startCluster({ databaseUrl: database.url, env: { LEASE_MS: String(LEASE_MS) } });
    const [first, second] = cluster.nodes;
    if (!first || !second) throw new Error('two nodes were expected');
    [active, standby] = [first, second];
    watch = new OneActiveWatch(cluster.nodes.map(({ url }) => url));
    await eventually('the first node is active', () => isActive(active));
    watch.start();
  });
  afterEach(async () => {
    await watch.stop();
    await cluster.stop();
  });

  const sql = async (text: string) => (await dba.query(text)).rows;
  const health = (node: NodeProcess) => healthOf<Health>(node);
  const isActive = (node: NodeProcess) =>
    health(node).then(
      ({ active: is }) => is,
      () => false,
    );
  const send = (node: NodeProcess) => post(`${node.url}/messages`, { userId: 1, groupId: 1, content: 'Olá!' });
  const untilPaused = (node: NodeProcess) =>
    eventually(`${node.name} knows of the pause`, async () =>
      (await health(node)).conditions.find(({ name }) => name === 'paused'),
    );
  /** Resolves after several leases in which `node` was never active. */
  async function staysStandby(node: NodeProcess): Promise<void> {
    await always(`${node.name} is a standby`, async () => !(await isActive(node)), {
      forMs: SEVERAL_LEASES_MS,
      every: 50,
    });
  }

  it('promotes no node when the active one dies, is shown everywhere, and ends with a promotion when it is resumed', async () => {
    const paused = await plantao(['pause', '--minutes', '5', '--reason', 'new switch', '--database', database.url]);
    expect(paused.output).to.match(/^failover is paused until .*; SELECT plantao\.resume\(\) ends the pause\n$/);
    for (const node of cluster.nodes) {
      const condition = await untilPaused(node);
      expect(condition?.reason).to.match(
        /^failover is paused until \S+Z: new switch\. To end the pause: plantao resume$/,
      );
      await eventually(`${node.name} has logged it`, () =>
        node.events('condition_began').some(({ condition: name }) => name === 'paused'),
      );
    }
    expect((await send(active)).status).to.equal(200);
    expect((await get(`${standby.url}/readiness`)).status).to.equal(200);
    expect((await get<{ pause: { reason: string } }>(`${standby.url}/cluster`)).body.pause.reason).to.equal(
      'new switch',
    );
    const metrics = await (await fetch(`${standby.url}/metrics`)).text();
    expect(metrics).to.include('plantao_condition{condition="paused"} 1');

    active.kill('SIGKILL');
    await active.waitForExit();
    await staysStandby(standby);
    expect((await send(standby)).status).to.equal(503);
    const unready = await get<Health>(`${standby.url}/readiness`);
    expect(unready.status).to.equal(503);
    expect(unready.body.conditions.map(({ name }) => name)).to.include('promotion');
    const status = await plantao(['status', '--database', database.url]);
    expect(status).to.include({ exit: 1 });
    expect(status.output).to.match(/^! failover is PAUSED until \S+Z by \w+: new switch/m);
    // A process that starts in place of the dead one has been active in no term.
    await active.start();
    await staysStandby(active);

    const resumedAt = performance.now();
    expect(await plantao(['resume', '--database', database.url])).to.include({ exit: 0 });
    await eventually('a node is active', async () => (await isActive(standby)) || isActive(active));
    expect(performance.now() - resumedAt).to.be.below(10_000);
    await eventually('the pause is over for both', async () =>
      (await Promise.all(cluster.nodes.map(health))).every(({ conditions }) => conditions.length === 0),
    );
  });

  it('leaves the role with the process that was active when its session is terminated or it freezes', async () => {
    await sql("SELECT plantao.pause('5 minutes')");
    await untilPaused(standby);
    await sql('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    /** Returns true once the node is active again. On an overloaded machine it needs more than one term. */
    const untilBack = (term: number) =>
      eventually(
        `it is active in term ${term} or a later one`,
        async () => {
          const [row] = await sql('SELECT term::int, node FROM plantao.leader_history WHERE ended_at IS NULL');
          if (row) expect(row.node).to.equal(active.name);
          return row?.term >= term;
        },
        { within: 20_000 },
      );
    await untilBack(2);
    active.freeze();
    await eventually(
      'PostgreSQL ends the lock session',
      async () => (await sql('TABLE plantao.lock_holder')).length === 0,
    );
    await staysStandby(standby);
    active.thaw();
    await untilBack(3);
    expect((await send(active)).status).to.equal(200);
  });

  it('refuses a switchover, in SQL and over HTTP', async () => {
    await sql("SELECT plantao.pause('5 minutes')");
    const [row] = await sql('SELECT plantao.switchover() AS answer');
    expect(row?.answer).to.match(/^refused: failover is paused until /);
    await untilPaused(active);
    const refused = await post(`${active.url}/switchover`, {});
    expect(refused.status).to.equal(409);
    expect(refused.body).to.include({ code: 'paused' });
    expect(await isActive(active)).to.equal(true);
    // A node that has fallen is still the only one that may become active.
    expect((await post(`${active.url}/fall`)).status).to.equal(200);
    await staysStandby(standby);
    expect((await post(`${active.url}/revive`)).status).to.equal(200);
    await eventually('it is active again', () => isActive(active));
  });

  it('begins and ends over HTTP, on any node, even while no node is active', async () => {
    const began = await post(`${standby.url}/pause`, { minutes: 5, reason: 'new disk' });
    expect(began.status).to.equal(200);
    expect(Date.parse(began.body.paused_until as string) - Date.now()).to.be.within(280_000, 310_000);
    const [row] = await sql('SELECT reason, asked_by FROM plantao.current_pause');
    expect(row?.reason).to.equal('new disk');
    expect(row?.asked_by).to.match(/^HTTP client (::ffff:127\.0\.0\.1|127\.0\.0\.1|::1)$/);
    await untilPaused(active);
    active.kill('SIGKILL');
    await active.waitForExit();
    await staysStandby(standby);
    expect((await post(`${standby.url}/resume`)).body).to.deep.equal({
      message: 'failover is possible again',
      was_paused: true,
    });
    await eventually('the standby is active', () => isActive(standby));
    expect((await post(`${standby.url}/resume`)).body).to.include({ was_paused: false });
    for (const minutes of [0, 1441, 1.5, 'x', -1]) {
      expect((await post(`${standby.url}/pause`, { minutes })).status, `${minutes}`).to.equal(400);
    }
    expect((await post(`${standby.url}/pause`, { reason: 'x'.repeat(201) })).status).to.equal(400);
  });

  it('ends by itself at the given time', async () => {
    await sql("SELECT plantao.pause('4 seconds')");
    await untilPaused(standby);
    active.kill('SIGKILL');
    await active.waitForExit();
    await eventually('the standby is active', () => isActive(standby), { within: 15_000 });
    const [row] = await sql(
      `SELECT t.started_at >= p.until AS came_after FROM plantao.leader_terms t, plantao.pauses p WHERE t.term = 2`,
    );
    expect(row?.came_after).to.equal(true);
  });
});

describe('plantao.pause()', () => {
  const { sql: dba } = useDatabase();
  const sql = async (text: string) => (await dba.query(text)).rows;

  it('is bounded, and a second call replaces the first', async () => {
    for (const time of ["'25 hours'", "'0'", "'-1 hour'", 'NULL', "'1 month'", "'infinity'"]) {
      const error = await dba.query(`SELECT plantao.pause(${time})`).catch((one) => one);
      expect(error.code, time).to.be.oneOf(['22023', '22007', '22008']);
    }
    await sql("SELECT plantao.pause('24 hours', repeat('x', 1000))");
    await sql("SELECT plantao.pause('1 hour')");
    const [row] = await sql('SELECT (until - since)::text AS lasts, reason FROM plantao.current_pause');
    expect(row).to.include({ lasts: '01:00:00', reason: null });
    expect((await sql('SELECT plantao.resume() AS answer'))[0]).to.deep.equal({ answer: 'failover is possible again' });
    expect((await sql('SELECT plantao.resume() AS answer'))[0]).to.deep.equal({ answer: 'failover was not paused' });
    expect(await sql('TABLE plantao.current_pause')).to.deep.equal([]);
  });
});
