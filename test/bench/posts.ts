/*
 * npm run bench:posts: acknowledged, durable POST /messages, against what PostgreSQL and Express can do by themselves.
 */
import pg from 'pg';
import { startPostgresOfItsOwn } from '../support/own-postgres.ts';
import { type Bench, runPart } from './common/part.ts';
import { CONTENT, makePeople, posts, sql } from './common/people.ts';
import type { BenchProcess } from './common/process.ts';
import { profiled, topFrames } from './common/profile.ts';
import type { Contestant, Target } from './common/section.ts';
import { startPlantao, startRival, withUsage } from './common/servers.ts';
import { median } from './common/statistics.ts';
import { shown, table } from './common/table.ts';
import { Load } from './load/load.ts';
import type { DriveSpec } from './load/requests.ts';
import { Pgbench } from './rivals/pgbench.ts';

const CLIENTS = 64;
const PLANTAO = 'Plantão, POST /messages';
const ECHO = 'Express, parse and echo';
const INSERT = 'pgbench, INSERT';
const NOTIFY = 'pgbench, INSERT + NOTIFY';
const BARE = 'bare pg, the same statement';

interface Setting {
  bench: Bench;
  load: Load;
  url: string;
  node: BenchProcess;
  echo: BenchProcess;
  pgbench: Pgbench | null;
}

await runPart('posts', 'Posting', async (bench) => {
  bench.progress.say('starting PostgreSQL, a node, the rivals and the load generator');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=200'] });
  bench.defer(() => postgres.remove());
  await makePeople(postgres.url);
  const load = await Load.start();
  bench.defer(() => load.stop());
  const [node, echo] = await Promise.all([startPlantao(postgres.url), startRival('express-echo')]);
  bench.defer(() => Promise.all([node.stop(), echo.stop()]));
  const pgbench = await Pgbench.prepare(postgres.url);
  if (pgbench) bench.defer(() => pgbench.remove());
  const setting = { bench, load, url: postgres.url, node, echo, pgbench };

  if (bench.wants('64 clients')) await manyClients(setting);
  if (bench.wants('One client')) await loneClient(setting);
  if (bench.wants('At a fixed rate')) await fixedRate(setting);
  if (bench.wants('A commit of 2 ms more')) await slowCommit(setting);
  bench.remark(load.remark);
});

async function manyClients(setting: Setting): Promise<void> {
  const { bench, node } = setting;
  const result = await bench.section({
    title: `${CLIENTS} clients`,
    figures: [
      { key: 'perSecond', label: 'a second' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'cpu', label: 'server, cores' },
    ],
    contestants: [
      driven(setting, PLANTAO, node, CLIENTS),
      driven(setting, ECHO, setting.echo, CLIENTS),
      inserted(setting, NOTIFY, CLIENTS),
      inserted(setting, INSERT, CLIENTS),
    ],
    targets: [
      target(
        '64 clients: durable posts / pgbench INSERT + NOTIFY',
        [PLANTAO, 'perSecond'],
        [[NOTIFY, 'perSecond']],
        2.5,
      ),
      target('64 clients: durable posts / Express parse and echo', [PLANTAO, 'perSecond'], [[ECHO, 'perSecond']], 0.8),
    ],
  });
  const file = bench.profileFile('64-clients');
  if (file === null) return;
  await profiled(node, file, () => driven(setting, PLANTAO, node, CLIENTS).round());
  const frames = await topFrames(file, 25);
  bench.remark(
    table(
      ['own time, posts', 'share'],
      frames.map(({ name, share }) => [name, `${shown(100 * share)} %`]),
    ),
  );
  void result;
}

async function loneClient(setting: Setting): Promise<void> {
  await setting.bench.section({
    title: 'One client',
    figures: [
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'perSecond', label: 'a second' },
    ],
    contestants: [
      driven(setting, PLANTAO, setting.node, 1),
      driven(setting, ECHO, setting.echo, 1),
      { name: BARE, round: () => bareStatement(setting) },
      inserted(setting, NOTIFY, 1),
      inserted(setting, INSERT, 1),
    ],
    targets: [
      {
        work: 'one client: p50 / (bare statement + echo)',
        of: [PLANTAO, 'p50'],
        to: [
          [BARE, 'p50'],
          [ECHO, 'p50'],
        ],
        atMost: 1.3,
      },
    ],
  });
}

/** Latency where requests come when they come, whatever the server does: a share of what it can do at the most. */
async function fixedRate(setting: Setting): Promise<void> {
  const { bench, load, node } = setting;
  const most = await load.drive(spec(node, CLIENTS, 500, 2000));
  const contestants = [0.25, 0.5, 0.75].map((share): Contestant => {
    const rate = Math.round(most.perSecond * share);
    return {
      name: `${100 * share} % of the most: ${shown(rate)} a second`,
      async round() {
        const { latency, perSecond } = await load.drive({ ...spec(node, 256, 500, time(bench, 4000)), rate });
        return { p50: latency.p50, p99: latency.p99, most: latency.most, perSecond };
      },
    };
  });
  await bench.section({
    title: 'At a fixed rate',
    figures: [
      { key: 'p99', label: 'p99 ms' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'most', label: 'most ms' },
      { key: 'perSecond', label: 'a second' },
    ],
    contestants,
    rounds: Math.min(3, bench.rounds),
  });
}

/** A disk whose fsync takes 2 ms, by commit_delay, which sleeps before each flush. */
async function slowCommit(setting: Setting): Promise<void> {
  const { bench, url } = setting;
  const set = (delay: string, siblings: string) =>
    sql(url, `ALTER SYSTEM SET commit_delay = ${delay}`)
      .then(() => sql(url, `ALTER SYSTEM SET commit_siblings = ${siblings}`))
      .then(() => sql(url, 'SELECT pg_reload_conf()'));
  await set('2000', '0');
  await bench.section({
    title: 'A commit of 2 ms more',
    figures: [
      { key: 'perSecond', label: 'a second' },
      { key: 'p50', label: 'p50 ms' },
    ],
    contestants: [
      driven(setting, PLANTAO, setting.node, 256),
      inserted(setting, NOTIFY, CLIENTS),
      inserted(setting, INSERT, CLIENTS),
    ],
    targets: [
      target(
        'fsync of 2 ms: durable posts / pgbench INSERT + NOTIFY',
        [PLANTAO, 'perSecond'],
        [[NOTIFY, 'perSecond']],
        15,
      ),
    ],
    rounds: Math.min(3, bench.rounds),
  });
  await set('DEFAULT', 'DEFAULT');
}

function target(work: string, of: [string, string], to: [string, string][], atLeast: number): Target {
  return { work, of, to, atLeast };
}

function time(bench: Bench, ms: number): number {
  return bench.isQuick ? ms / 4 : ms;
}

function spec(server: BenchProcess, connections: number, warmupMs: number, forMs: number): DriveSpec {
  return { ports: [server.port], connections, requests: posts(), warmupMs, forMs };
}

/** Posts from so many connections, each sending its next when it has its answer. */
function driven({ bench, load }: Setting, name: string, server: BenchProcess, connections: number): Contestant {
  return {
    name,
    async round() {
      const [result, usage] = await withUsage(server, () =>
        load.drive(spec(server, connections, time(bench, 1000), time(bench, 4000))),
      );
      if (Object.keys(result.refused).length > 0) throw new Error(`${name}: refused ${JSON.stringify(result.refused)}`);
      return { perSecond: result.perSecond, p50: result.latency.p50, p99: result.latency.p99, cpu: usage.cpu };
    },
  };
}

function inserted({ bench, pgbench }: Setting, name: string, clients: number): Contestant {
  return {
    name,
    async round() {
      if (!pgbench) return null;
      const seconds = Math.max(1, time(bench, 4000) / 1000);
      const { perSecond, meanMs } = await pgbench.run({ notify: name === NOTIFY, clients, seconds });
      return { perSecond, p50: meanMs };
    },
  };
}

/** The statement that a node sends, from one client that waits for each answer. */
async function bareStatement({ bench, url }: Setting): Promise<Record<string, number>> {
  const client = new pg.Client(url);
  await client.connect();
  const { rows } = await client.query('SELECT term FROM plantao.leader_terms WHERE ended_at IS NULL');
  const statement = {
    name: 'post_messages',
    text: 'SELECT * FROM plantao.post_messages($1, $2, $3::bigint[], $4::bigint[], $5::text[], $6::text[])',
    values: [rows[0]?.term, false, [7], [8], [CONTENT], [null]],
  };
  const times: number[] = [];
  const until = performance.now() + time(bench, 4000);
  for (let at = performance.now(); at < until; ) {
    await client.query(statement);
    const now = performance.now();
    times.push(now - at);
    at = now;
  }
  await client.end();
  const kept = times.slice(times.length / 5).sort((one, other) => one - other);
  return { p50: median(kept), p99: kept[Math.floor(kept.length * 0.99)] ?? Number.NaN, perSecond: 1000 / median(kept) };
}
