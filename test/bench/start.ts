/*
 * npm run bench:start: the time from the start of a node's process, from the build, to its first responses; its memory; and
 * the cost of idle nodes for their machine and for PostgreSQL. The baseline is a process with a bare node:http server.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pg from 'pg';
import { freePort } from '../support/network/free-port.ts';
import { buildNode } from '../support/nodes/node-build.ts';
import { startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { type Bench, runPart } from './common/part.ts';
import { cpuMs, residentMb } from './common/process-cost.ts';
import type { Contestant } from './common/section.ts';
import { type StartedServer, startServer } from './start/first-response.ts';

const NODE = 'a node';
const BARE = 'bare node:http';
const LIBRARIES = 'its libraries, loaded';
const ACTIVE = 'the active of two nodes';
const STANDBY = 'the standby of two nodes';
const HTTP_SERVER = "require('node:http').createServer((_, response) => response.end()).listen(process.env.PORT)";

/** The least that a node needs: Express, Sequelize with pg, and a second thread for the leader lock. */
const WITH_LIBRARIES = `
  for (const name of ['express', 'pg', 'sequelize']) require(name);
  new (require('node:worker_threads').Worker)('setInterval(() => {}, 60_000)', { eval: true });
  ${HTTP_SERVER}`;

/** Stricter limits, with the reasons why they are not met. */
const SMALL = {
  limit: 80,
  because: `An empty process of Node.js takes half of that, and "${LIBRARIES}" all of it.`,
};
const LITTLE_WAL = {
  limit: 10,
  because:
    'The rows of the nodes take 11 KB. After a checkpoint PostgreSQL writes each page whole that changes, 8 KB each.',
};
const IDLE = (limit: number) => ({
  limit,
  because:
    'A profile shows system calls and garbage of a few small messages a second: heartbeats, a row for the other nodes, and health probes to and from each peer.',
});

/** Memory and caches settle after a start. */
const SETTLE_MS = 5000;
const IDLE_MS = 30_000;

function startNode(databaseUrl: string, port: number, isActive = true): StartedServer {
  const env = { DATABASE_URL: databaseUrl, PORT: String(port), IS_ACTIVE: String(isActive), PLANTAO_NO_DOTENV: '1' };
  return startServer(['dist/main.js'], port, { ...env, LOG_FORMAT: 'json' });
}

/** Measures one start. */
async function startRound(server: StartedServer, paths: Record<string, string>): Promise<Record<string, number>> {
  try {
    const figures: Record<string, number> = {};
    for (const [figure, path] of Object.entries(paths)) {
      await server.responds(path);
      figures[figure] = server.since();
    }
    await sleep(SETTLE_MS);
    return { ...figures, rss: await residentMb(server.pid) };
  } finally {
    await server.stop();
  }
}

async function measureStart(bench: Bench, databaseUrl: string): Promise<void> {
  const contestants: Contestant[] = [
    {
      name: NODE,
      round: async () => startRound(startNode(databaseUrl, await freePort()), { serves: '/health', posts: '/primary' }),
    },
    {
      name: BARE,
      async round() {
        const port = await freePort();
        return startRound(startServer(['-e', HTTP_SERVER], port, { PORT: String(port) }), { serves: '/' });
      },
    },
    {
      name: LIBRARIES,
      async round() {
        const port = await freePort();
        return startRound(startServer(['-e', WITH_LIBRARIES], port, { PORT: String(port) }), { serves: '/' });
      },
    },
  ];
  await bench.section({
    title: 'Start of a process',
    figures: [
      { key: 'serves', label: 'ms until it responds' },
      { key: 'posts', label: 'ms until it is active' },
      { key: 'rss', label: 'resident MB' },
    ],
    contestants,
    targets: [
      { work: 'a node responds, ms', of: [NODE, 'serves'], atMost: 700 },
      { work: 'a node responds / bare node:http', of: [NODE, 'serves'], to: [[BARE, 'serves']], atMost: 13 },
      { work: 'resident, MB', of: [NODE, 'rss'], atMost: 110, aim: SMALL },
      { work: `resident / ${LIBRARIES}`, of: [NODE, 'rss'], to: [[LIBRARIES, 'rss']], atMost: 1.25 },
    ],
  });
}

/** Measures one node of two and its sessions, while nothing happens. */
async function idleRound(client: pg.Client, node: StartedServer, port: number, idleMs: number) {
  const sessions = async () => {
    const { rows } = await client.query<{ pid: number }>(
      'SELECT pid FROM pg_stat_activity WHERE application_name LIKE $1',
      [`plantao:node-${port}:%`],
    );
    return rows.map(({ pid }) => pid);
  };
  const written = async () => {
    const { rows } = await client.query("SELECT pg_current_wal_insert_lsn() - '0/0' AS bytes");
    return Number(rows[0]?.bytes);
  };
  const [pids, startedAt, wal] = [await sessions(), performance.now(), await written()];
  const [process, backends] = [await cpuMs([node.pid]), await cpuMs(pids)];
  await sleep(idleMs);
  const later = { process: await cpuMs([node.pid]), backends: await cpuMs(pids), wal: await written() };
  const ms = performance.now() - startedAt;
  return {
    process: (100 * (later.process - process)) / ms,
    sessions: (100 * (later.backends - backends)) / ms,
    // Both nodes write it.
    wal: (later.wal - wal) / 2 / 1024 / (ms / 60_000),
    rss: await residentMb(node.pid),
    count: pids.length,
  };
}

async function measureIdle(bench: Bench, databaseUrl: string): Promise<void> {
  bench.progress.say('starting two nodes');
  const [port, other] = [await freePort(), await freePort()];
  const active = startNode(databaseUrl, port);
  bench.defer(() => active.stop());
  await active.responds('/primary');
  const standby = startNode(databaseUrl, other, false);
  bench.defer(() => standby.stop());
  await standby.responds('/readiness');
  const client = new pg.Client(databaseUrl);
  await client.connect();
  bench.defer(() => client.end());
  await sleep(SETTLE_MS);
  const idleMs = bench.isQuick ? 5000 : IDLE_MS;
  const names = [ACTIVE, STANDBY];
  await bench.section({
    title: 'An idle node',
    figures: [
      { key: 'process', label: 'its process, % of a core' },
      { key: 'sessions', label: 'its sessions, % of a core' },
      { key: 'wal', label: 'WAL, KB a minute' },
      { key: 'rss', label: 'resident MB' },
      { key: 'count', label: 'sessions' },
    ],
    contestants: [
      { name: ACTIVE, round: () => idleRound(client, active, port, idleMs) },
      { name: STANDBY, round: () => idleRound(client, standby, other, idleMs) },
    ],
    targets: [
      ...names.map((name) => ({
        work: `${name}: process, %`,
        of: [name, 'process'] as [string, string],
        atMost: 3,
        aim: IDLE(0.5),
      })),
      ...names.map((name) => ({
        work: `${name}: sessions, %`,
        of: [name, 'sessions'] as [string, string],
        atMost: 1,
        aim: IDLE(0.2),
      })),
      { work: 'WAL of a node, KB a minute', of: [ACTIVE, 'wal'], atMost: 100, aim: LITTLE_WAL },
    ],
    rounds: Math.min(3, bench.rounds),
  });
}

await runPart('start', 'Start and idle cost', async (bench) => {
  await buildNode();
  bench.progress.say('starting PostgreSQL');
  const postgres = await startPostgresOfItsOwn();
  bench.defer(() => postgres.remove());
  if (bench.wants('Start of a process')) await measureStart(bench, postgres.url);
  if (bench.wants('An idle node')) await measureIdle(bench, postgres.url);
});
