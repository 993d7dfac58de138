import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../src/local-cluster/demo-data.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get, post } from '../support/network/http.ts';
import { nodeOfRole } from '../support/nodes/health.ts';
import { programOf } from '../support/nodes/node-build.ts';
import { type NodeProcess, startCluster, startNode, type TestCluster } from '../support/nodes/node-process.ts';
import { fillNotifyQueue } from '../support/postgres/notify-queue.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { createDatabase } from '../support/postgres/postgres.ts';
import { firingAlerts, hasPromtool, type Scrape, scrape } from '../support/prometheus.ts';
import { track } from '../support/run/tracked.ts';

const PATIENCE = { within: 30_000 };
const LEASE_MS = 2000;
const MAX_WAITERS = 20;

/** As alerts.slow.test.ts: limits that are reached, and machines, clocks and disks that are too slow, wrong or full. */
describe('The alerts of .ops on the metrics of nodes at their limits', function () {
  this.timeout(120_000);
  let postgres: OwnPostgres;
  let dba: pg.Client;
  let cluster: TestCluster;
  /** Without a fault. */
  let calm: Scrape;

  before(async function () {
    if (!hasPromtool()) return this.skip();
    postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_notify_queue_pages=64'] });
    await seedData(postgres.url);
    dba = new pg.Client({ connectionString: postgres.url });
    await dba.connect();
    const env = { LEASE_MS: String(LEASE_MS), MAX_WAITERS: String(MAX_WAITERS), DB_POOL_SIZE: '2' };
    const imports = ['test/failure/coordination/lock/jumping-clock.ts'];
    cluster = await startCluster({ databaseUrl: postgres.url, env, imports });
  });
  after(async () => {
    await cluster?.stop();
    await dba?.end();
    await postgres?.remove();
  });
  beforeEach(async () => {
    for (const role of ['active', 'standby']) await nodeIn(role);
    calm = await eventually(
      'no condition holds, and no request waits',
      async () => {
        const samples = await scrape(cluster.nodes);
        const bad = ['plantao_condition', 'plantao_pool_waiting_requests', 'plantao_queued_requests'];
        return bad.flatMap((name) => valuesOf(samples, name)).every((value) => value === 0) && samples;
      },
      PATIENCE,
    );
  });

  const nodeIn = (role: string) => nodeOfRole(cluster.nodes, role, PATIENCE);
  const valuesOf = (samples: Scrape, metric: string, node = '') =>
    [...samples].filter(([name]) => name.startsWith(`${metric}{`) && name.includes(node)).map(([, value]) => value);
  /** Reads the metrics until one of them is as expected. */
  const metricsWith = (metric: string, isExpected: (value: number) => boolean) =>
    eventually(
      `${metric} is as expected`,
      async () => {
        const samples = await scrape(cluster.nodes);
        return valuesOf(samples, metric).some(isExpected) && samples;
      },
      PATIENCE,
    );
  const send = (node: NodeProcess) =>
    post(`${node.url}/messages`, { userId: 1, groupId: 1, content: 'Olá!' }, { deadline: 20_000 });
  const firing = (...during: Scrape[]) =>
    firingAlerts([{ of: calm, minutes: 5 }, ...during.map((of) => ({ of, minutes: 10 / during.length }))]);

  it('are silent without a fault', () => {
    expect(firing(calm)).to.deep.equal([]);
  });

  it('fire when a node uses a copy of the database', async () => {
    const copy = await createDatabase();
    const stray = await startNode({ databaseUrl: copy.url });
    try {
      const isActive = async () => (await get(`${stray.url}/health`)).body.role === 'active';
      await eventually('it is active', isActive, PATIENCE);
      const during = await scrape([...cluster.nodes, stray]);
      expect(firing(during)).to.include('PlantaoSeveralActiveNodes');
    } finally {
      await stray.stop();
      await copy.drop();
    }
  });

  it('fire when the clock of a node jumps', async () => {
    const standby = await nodeIn('standby');
    standby.kill('SIGURG');
    const during = await metricsWith('plantao_condition', (value) => value === 1);
    // Two hours back and one ahead: where it was.
    standby.kill('SIGWINCH');
    standby.kill('SIGURG');
    expect(firing(during)).to.deep.equal(['PlantaoClockWrong']);
  });

  it('fire when polls take nearly all slots', async () => {
    const { url } = await nodeIn('standby');
    const over = new AbortController();
    const polls = Array.from({ length: MAX_WAITERS - 1 }, () =>
      fetch(`${url}/subscribe/user?user_id=1`, { signal: over.signal }).catch(() => null),
    );
    const during = await metricsWith('plantao_poll_slots', (value) => value === MAX_WAITERS - 1);
    over.abort();
    await Promise.all(polls);
    expect(firing(during)).to.include('PlantaoPollSlotsNearlyFull');
  });

  it('fire when requests wait for a connection', async () => {
    const { url } = await nodeIn('standby');
    await dba.query('BEGIN; LOCK TABLE plantao.messages IN ACCESS EXCLUSIVE MODE');
    const reads = Array.from({ length: 20 }, (_, n) =>
      get(`${url}/messages?groupId=1&limit=${n + 1}`, { deadline: 20_000 }).catch(() => null),
    );
    const waiting = async () => {
      const samples = await scrape(cluster.nodes);
      const values = ['plantao_pool_waiting_requests', 'plantao_queued_requests'].map((name) =>
        valuesOf(samples, name),
      );
      return values.flat().some((value) => value > 0) && samples;
    };
    const during = await eventually('requests wait', waiting, PATIENCE).finally(() => dba.query('ROLLBACK'));
    await Promise.all(reads);
    expect(firing(during)).to.include('PlantaoPoolExhausted');
  });

  it('fire when a session holds the NOTIFY queue', async () => {
    const stranger = await fillNotifyQueue(postgres.url);
    const during = await metricsWith('plantao_notify_queue_usage', (value) => value > 0.25);
    await stranger.end();
    expect(firing(during)).to.include('PlantaoNotifyQueueFills');
  });

  it('fire when notifications are lost again and again', async () => {
    const { rows } = await dba.query<{ text: string }>(
      "SELECT pg_get_functiondef('plantao.hint(text, text)'::regprocedure) AS text",
    );
    const hint = rows[0]?.text ?? '';
    await dba.query(hint.replace('PERFORM pg_notify(channel, payload)', 'NULL'));
    const active = await nodeIn('active');
    const standby = await nodeIn('standby');
    const replaced = async () => {
      await send(active);
      const samples = await scrape(cluster.nodes);
      return (
        valuesOf(samples, 'plantao_listener_replacements_total', standby.name).some((value) => value >= 4) && samples
      );
    };
    const during = await eventually('the session is replaced four times', replaced, { within: 60_000 });
    await dba.query(hint);
    expect(firing(during)).to.include('PlantaoListenerReplaced');
  });

  it('fire when commits take long', async () => {
    const active = await nodeIn('active');
    await send(active);
    calm = await scrape(cluster.nodes);
    await dba.query(`
      CREATE FUNCTION public.slow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.7); RETURN NEW; END';
      CREATE TRIGGER slow BEFORE INSERT ON plantao.messages FOR EACH ROW EXECUTE FUNCTION public.slow()`);
    const during: Scrape[] = [];
    for (let count = 0; count < 3; count += 1) {
      expect((await send(active)).status).to.equal(200);
      during.push(await scrape(cluster.nodes));
    }
    await dba.query('DROP FUNCTION public.slow() CASCADE');
    expect(firing(...during)).to.include('PlantaoCommitsSlow');
  });

  /** Stops the process for a time, as a machine without processor time does. */
  const stall = async (node: NodeProcess, ms: number) => {
    node.kill('SIGSTOP');
    await sleep(ms);
    node.kill('SIGCONT');
  };

  it('fire when a stall nearly costs the lease', async () => {
    const during = await eventually(
      'a renewal is late, and the node is still active',
      async () => {
        const node = await nodeIn('active');
        // Right after a renewal, of which the next is due a quarter of a lease later. PostgreSQL keeps the lock for a whole one.
        await metricsWith('plantao_lease_remaining_seconds', (value) => value > (0.85 * LEASE_MS) / 1000);
        await stall(node, 0.8 * LEASE_MS);
        const samples = await scrape(cluster.nodes);
        const [active, late = 0] = ['plantao_active', 'plantao_lease_renewal_delay_max_seconds'].flatMap((name) =>
          valuesOf(samples, name, node.name),
        );
        return active === 1 && late > LEASE_MS / 2000 && samples;
      },
      PATIENCE,
    );
    expect(firing(during)).to.include('PlantaoLeaseRenewedLate');
  });

  it('fire when a node gets hardly any processor time', async () => {
    const standby = await nodeIn('standby');
    const during = await eventually(
      'its event loop is slow',
      async () => {
        for (let count = 0; count < 5; count += 1) {
          await stall(standby, 700);
          await get(`${standby.url}/liveness`);
        }
        const samples = await scrape(cluster.nodes);
        return (
          valuesOf(samples, 'nodejs_eventloop_lag_p99_seconds', standby.name).some((value) => value > 0.5) && samples
        );
      },
      { within: 60_000 },
    );
    expect(firing(during)).to.include('PlantaoEventLoopSlow');
  });

  it('fire when the disk of the log is full', async () => {
    const port = await freePort();
    const node = { name: 'on-a-full-disk', url: `http://localhost:${port}` };
    const { PATH = '', HOME = '' } = process.env;
    const own = { DATABASE_URL: postgres.url, PORT: String(port), NODE_NAME: node.name, IS_ACTIVE: 'false' };
    const full = openSync('/dev/full', 'w');
    const child: ChildProcess = spawn(process.execPath, programOf('main'), {
      env: { PATH, HOME, PLANTAO_NO_DOTENV: '1', LOG_FORMAT: 'json', ...own },
      stdio: ['ignore', full, 'ignore'],
    });
    closeSync(full);
    const ended = new Promise((resolve) => child.once('close', resolve));
    const isRunning = () => child.exitCode === null && child.signalCode === null;
    track({
      owner: node.name,
      pid: () => (isRunning() ? (child.pid ?? null) : null),
      kill: () => child.kill('SIGKILL'),
    });
    try {
      const during = await eventually(
        'it cannot write its log',
        async () => {
          const samples = await scrape([...cluster.nodes, node]);
          return valuesOf(samples, 'plantao_condition', 'condition="log"').includes(1) && samples;
        },
        PATIENCE,
      );
      expect(firing(during)).to.include('PlantaoLogNotWritten');
    } finally {
      child.kill('SIGTERM');
      await ended;
    }
  });
});
