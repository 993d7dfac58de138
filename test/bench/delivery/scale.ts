/*
 * npm run bench:scale: 1 to 8 nodes with 18,000 idle waiters and 1,000 that receive messages. Shows how many posts a second they
 * carry, and what each further node costs PostgreSQL: every NOTIFY wakes the listening session of every node. From that, the
 * part computes what larger numbers of users need.
 */
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { type Bench, runPart } from '../common/part.ts';
import { sql } from '../common/people.ts';
import { BenchProcess } from '../common/process.ts';
import { cpuMs } from '../common/process-cost.ts';
import { cursorOf, startPlantao, waitersOf, withUsage } from '../common/servers.ts';
import { ruledTable, shown } from '../common/table.ts';
import { Load } from '../load/load.ts';
import type { DeliveryResult, DeliverySpec } from './reader-process.ts';

const NODES = [1, 2, 4, 8];
const IDLE = 18_000;
const WAITERS = 1000;
const GROUP_SIZE = 2;
/** Posts a second, in the order in which they are tried. All figures but the highest rate are measured at the first. */
const RATES = [100, 200, 400, 600, 800, 1000];
/** A rate is carried if every message reaches its waiters, and 99 % of them do so within this time. */
const MAX_P99_MS = 1000;
/** The number in `{user}` follows these digits, so that the idle users receive no messages. */
const IDLE_PREFIX = '1000';
/** Default of MAX_WAITERS. */
const WAITERS_PER_NODE = 20_000;
/** How often a connected user posts, for the computed table. */
const SECONDS_PER_POST = 600;

interface Context {
  bench: Bench;
  url: string;
  load: Load;
  readers: BenchProcess;
}

/** The cost of PostgreSQL in milliseconds of CPU time per post, by number of nodes. */
const costs = new Map<number, number>();

await runPart('scale', 'More nodes', async (bench) => {
  bench.progress.say('starting PostgreSQL and the clients');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=300'] });
  bench.defer(() => postgres.remove());
  await createPeople(postgres.url);
  const load = await Load.start();
  bench.defer(() => load.stop());
  const readers = await BenchProcess.start({ program: 'test/bench/delivery/reader-process.ts', readyWhen: /ready/ });
  bench.defer(() => readers.stop());
  const context = { bench, url: postgres.url, load, readers };
  await bench.section({
    title: `${shown(IDLE)} idle waiters, ${shown(WAITERS)} that receive`,
    figures: [
      { key: 'carried', label: 'posts per second carried' },
      { key: 'p50', label: `p50 ms at ${RATES[0]}/s` },
      { key: 'p99', label: 'p99 ms' },
      { key: 'active', label: 'CPU of the active node %' },
      { key: 'standby', label: 'of one standby %' },
      { key: 'database', label: 'of PostgreSQL %' },
      { key: 'perPost', label: 'PostgreSQL, ms per post' },
      { key: 'busy', label: 'clients busy' },
    ],
    contestants: NODES.map((count) => ({ name: nameOf(count), round: () => measure(context, count) })),
    rounds: 1,
  });
  bench.remark(load.remark);
  bench.remark(requirements());
});

function nameOf(count: number): string {
  return count === 1 ? '1 node' : `${count} nodes`;
}

async function createPeople(url: string): Promise<void> {
  await sql(
    url,
    `INSERT INTO plantao.users (id, username)
       SELECT n, 'u' || n FROM generate_series(1, ${WAITERS}) n
       UNION ALL SELECT ('${IDLE_PREFIX}' || n)::bigint, 'idle' || n FROM generate_series(1, 1000) n;
     INSERT INTO plantao.groups (id, name) SELECT n, 'g' || n FROM generate_series(1, ${2 * WAITERS}) n;
     INSERT INTO plantao.memberships (group_id, user_id)
       SELECT 1 + (n - 1) / ${GROUP_SIZE}, n FROM generate_series(1, ${WAITERS}) n
       UNION ALL SELECT ${WAITERS} + n, ('${IDLE_PREFIX}' || n)::bigint FROM generate_series(1, 1000) n;
     ANALYZE`,
  );
}

async function measure({ bench, url, load, readers }: Context, count: number): Promise<Record<string, number>> {
  // A long lease: on a busy machine a change of role would complete the polls.
  const env = { LEASE_MS: '20000', MAX_WAITERS: String(2 * WAITERS_PER_NODE) };
  const active = await startPlantao(url, { ...env, NODE_NAME: `active-${count}` });
  const nodes = [active];
  try {
    while (nodes.length < count) {
      const name = `standby-${count}-${nodes.length}`;
      nodes.push(await startPlantao(url, { ...env, NODE_NAME: name, IS_ACTIVE: 'false' }));
    }
    const ports = nodes.map(({ port }) => port);
    const idle = bench.isQuick ? 1000 : IDLE;
    const poll = { method: 'GET', path: `/subscribe/user?user_id=${IDLE_PREFIX}{user}&timeout=55` };
    await load.open({ ports, count: idle, before: [{ method: 'GET', path: '/liveness' }], poll, repeats: true });
    const waiting = async () => (await Promise.all(nodes.map(waitersOf))).reduce((sum, one) => sum + one, 0);
    await load.park(idle, waiting);

    const atRate = async (rate: number, warmUpMs: number): Promise<DeliveryResult> => {
      const cursor = await cursorOf(active);
      const forMs = bench.isQuick ? 1000 : 6000;
      const spec: DeliverySpec = {
        ...{ postPort: active.port, waitPorts: ports, waiters: WAITERS, groupSize: GROUP_SIZE },
        ...{ rate, warmUpMs, forMs, cursor },
      };
      return readers.ask<DeliveryResult>('measure', spec);
    };
    const [lowest = 0, ...higher] = RATES;
    const pids = (await sql<{ pid: number }>(url, 'SELECT pid FROM pg_stat_activity')).map(({ pid }) => pid);
    const before = await cpuMs(pids);
    const began = performance.now();
    const standby = nodes[1] ?? active;
    const [[base, ofActive], ofStandby] = await Promise.all([
      withUsage(active, () => atRate(lowest, 2000)),
      count === 1 ? undefined : usageOf(standby, () => began + 4000 - performance.now()),
    ]);
    const used = (await cpuMs(pids)) - before;
    const tookMs = performance.now() - began;
    const posted = (lowest * (2000 + (bench.isQuick ? 1000 : 6000))) / 1000;
    costs.set(count, used / posted);
    let carried = isCarried(base) ? lowest : 0;
    for (const rate of bench.isQuick ? [] : higher) {
      if (carried === 0 || !isCarried(await atRate(rate, 1000))) break;
      carried = rate;
    }
    return {
      ...{ carried, p50: base.p50, p99: base.p99, busy: base.busy },
      active: 100 * ofActive.cpu,
      ...(ofStandby === undefined ? {} : { standby: 100 * ofStandby }),
      database: (100 * used) / tookMs,
      perPost: used / posted,
    };
  } finally {
    await load.close();
    for (const node of nodes.reverse()) await node.stop();
  }
}

function isCarried({ missing, duplicates, p99 }: DeliveryResult): boolean {
  return missing === 0 && duplicates === 0 && p99 <= MAX_P99_MS;
}

/** Returns the CPU usage of a node over `ms()` milliseconds; 1 is one core. */
async function usageOf(node: BenchProcess, ms: () => number): Promise<number> {
  const [, { cpu }] = await withUsage(node, () => new Promise((resolve) => setTimeout(resolve, ms())));
  return cpu;
}

/** Computes, from the measured cost per post, what larger numbers of users need: a straight line through the measured points. */
function requirements(): string {
  const points = [...costs];
  const mean = (values: number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const meanNodes = mean(points.map(([count]) => count));
  const meanCost = mean(points.map(([, cost]) => cost));
  const above = points.reduce((sum, [count, cost]) => sum + (count - meanNodes) * (cost - meanCost), 0);
  const perNode = Math.max(0, above / points.reduce((sum, [count]) => sum + (count - meanNodes) ** 2, 0));
  const base = Math.max(0, meanCost - perNode * meanNodes);
  const rows = [1e3, 1e4, 1e5, 1e6].map((users) => {
    const nodes = Math.max(2, Math.ceil(users / WAITERS_PER_NODE) + 1);
    const rate = users / SECONDS_PER_POST;
    const cost = base + perNode * nodes;
    return [shown(users), String(nodes), shown(rate), shown(cost), shown((rate * cost) / 1000)];
  });
  const header = ['connected users', 'nodes', 'posts per second', 'PostgreSQL, ms per post', 'PostgreSQL, cores'];
  const line = `PostgreSQL: ${shown(base)} ms per post, and ${shown(perNode)} ms per post and node`;
  const equal = Math.floor(base / perNode);
  const advice =
    perNode === 0
      ? 'A further node costs PostgreSQL nothing that this run could measure.'
      : `With more than ${equal} nodes, NOTIFY costs PostgreSQL more than the posts themselves: give each tenant a cluster before that.`;
  return `Computed for one post per user in ${SECONDS_PER_POST / 60} minutes (${line}):\n${ruledTable(header, rows)}\n${advice}`;
}
