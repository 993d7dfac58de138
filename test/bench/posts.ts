/*
 * npm run bench:posts: acknowledged, durable POST /messages, compared with PostgreSQL and Express on their own.
 */
import { startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { runPart } from './common/part.ts';
import { makePeople, sql } from './common/people.ts';
import { profiled, topFrames } from './common/profile.ts';
import type { Contestant, Target } from './common/section.ts';
import { startPlantao, startRival } from './common/servers.ts';
import { ruledTable, shown } from './common/table.ts';
import { Load } from './load/load.ts';
import {
  BARE,
  bareStatement,
  CLIENTS,
  type Context,
  drive,
  ECHO,
  INSERT,
  NOTIFY,
  PLANTAO,
  pgbenchInserts,
  postsTo,
  scaledMs,
} from './posts/contestants.ts';
import { withToken } from './posts/with-token.ts';
import { Pgbench } from './rivals/pgbench.ts';

/** Stricter limits, with the reasons why they are not met. */
const FASTER_THAN_SQL = {
  limit: 4,
  because: 'A shared commit saves what a commit costs, which is little on a fast disk: see "Commits slower by 2 ms".',
};
const FASTER_THAN_ECHO = {
  limit: 1.5,
  because:
    'A post costs the node as much processor time as the echo costs its server (last column), and PostgreSQL works on the same cores.',
};

const NO_DETOUR = {
  limit: 1.15,
  because:
    'A lone post shares nothing: it costs the node 0.7 to 0.8 ms of processor time ("With tokens", last column), one of 64 costs 0.15 ms.',
};

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
  if (bench.wants('One client')) await oneClient(setting);
  if (bench.wants('With tokens')) await withToken(setting);
  if (bench.wants('At a fixed rate')) await fixedRate(setting);
  if (bench.wants('Commits slower by 2 ms')) await slowCommit(setting);
  bench.remark(load.remark);
});

/** Returns a target: the first rate is at least `wanted` times the second. */
function atLeast(work: string, of: string, to: string, wanted: number): Target {
  return { work, of: [of, 'perSecond'], to: [[to, 'perSecond']], atLeast: wanted };
}

async function manyClients(setting: Context): Promise<void> {
  const { bench, node } = setting;
  await bench.section({
    title: `${CLIENTS} clients`,
    figures: [
      { key: 'perSecond', label: 'per second' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'each', label: 'server µs per post' },
    ],
    contestants: [
      postsTo(setting, PLANTAO, node, CLIENTS),
      postsTo(setting, ECHO, setting.echo, CLIENTS),
      pgbenchInserts(setting, NOTIFY, CLIENTS),
      pgbenchInserts(setting, INSERT, CLIENTS),
    ],
    targets: [
      { ...atLeast('64 clients: durable posts / pgbench INSERT + NOTIFY', PLANTAO, NOTIFY, 1.2), aim: FASTER_THAN_SQL },
      { ...atLeast('64 clients: durable posts / Express parse and echo', PLANTAO, ECHO, 0.6), aim: FASTER_THAN_ECHO },
    ],
  });
  const file = bench.profileFile('64-clients');
  if (file === null) return;
  await profiled(node, file, () => postsTo(setting, PLANTAO, node, CLIENTS).round());
  const frames = await topFrames(file, 25);
  bench.remark(
    ruledTable(
      ['self time, posts', 'share'],
      frames.map(({ name, share }) => [name, `${shown(100 * share)} %`]),
    ),
  );
}

async function oneClient(setting: Context): Promise<void> {
  await setting.bench.section({
    title: 'One client',
    figures: [
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'perSecond', label: 'per second' },
    ],
    contestants: [
      postsTo(setting, PLANTAO, setting.node, 1),
      postsTo(setting, ECHO, setting.echo, 1),
      bareStatement(setting),
      pgbenchInserts(setting, NOTIFY, 1),
      pgbenchInserts(setting, INSERT, 1),
    ],
    targets: [
      {
        work: 'one client: p50 / (bare statement + echo)',
        of: [PLANTAO, 'p50'],
        to: [
          [BARE, 'p50'],
          [ECHO, 'p50'],
        ],
        atMost: 1.7,
        aim: NO_DETOUR,
      },
    ],
  });
}

/** Measures latency at fixed request rates, independent of the server's speed: at shares of its maximum rate. */
async function fixedRate({ bench, load, node }: Context): Promise<void> {
  const maximum = await load.drive(drive(bench, node, CLIENTS));
  const contestants = [0.25, 0.5, 0.75].map((share): Contestant => {
    const rate = Math.round(maximum.perSecond * share);
    return {
      name: `${100 * share} % of the maximum: ${shown(rate)} per second`,
      async round() {
        const { latency, perSecond } = await load.drive({ ...drive(bench, node, 256), rate });
        return { p50: latency.p50, p99: latency.p99, most: latency.max, perSecond };
      },
    };
  });
  await bench.section({
    title: 'At a fixed rate',
    figures: [
      { key: 'p99', label: 'p99 ms' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'most', label: 'max ms' },
      { key: 'perSecond', label: 'per second' },
    ],
    contestants,
    rounds: Math.min(3, bench.rounds),
  });
}

/** Simulates a disk whose fsync takes 2 ms with commit_delay, which sleeps before each flush. */
async function slowCommit(setting: Context): Promise<void> {
  const { bench, url } = setting;
  const set = async (delay: string, siblings: string) => {
    await sql(url, `ALTER SYSTEM SET commit_delay = ${delay}`);
    await sql(url, `ALTER SYSTEM SET commit_siblings = ${siblings}`);
    await sql(url, 'SELECT pg_reload_conf()');
    await new Promise((resolve) => setTimeout(resolve, scaledMs(bench, 1000)));
  };
  await set('2000', '0');
  await bench.section({
    title: 'Commits slower by 2 ms',
    figures: [
      { key: 'perSecond', label: 'per second' },
      { key: 'p50', label: 'p50 ms' },
    ],
    contestants: [
      postsTo(setting, PLANTAO, setting.node, CLIENTS),
      pgbenchInserts(setting, NOTIFY, CLIENTS),
      pgbenchInserts(setting, INSERT, CLIENTS),
    ],
    targets: [atLeast('fsync of 2 ms: durable posts / pgbench INSERT + NOTIFY', PLANTAO, NOTIFY, 8)],
    rounds: Math.min(3, bench.rounds),
  });
  await set('DEFAULT', 'DEFAULT');
}
