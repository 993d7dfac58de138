/*
 * npm run bench:posts: acknowledged, durable POST /messages, against what PostgreSQL and Express can do by themselves.
 */
import { startPostgresOfItsOwn } from '../support/own-postgres.ts';
import { runPart } from './common/part.ts';
import { makePeople, sql } from './common/people.ts';
import { profiled, topFrames } from './common/profile.ts';
import type { Contestant, Target } from './common/section.ts';
import { startPlantao, startRival } from './common/servers.ts';
import { shown, table } from './common/table.ts';
import { Load } from './load/load.ts';
import {
  BARE,
  bareStatement,
  CLIENTS,
  drive,
  driven,
  ECHO,
  INSERT,
  inserted,
  NOTIFY,
  PLANTAO,
  type Setting,
  time,
} from './posts/contestants.ts';
import { withToken } from './posts/with-token.ts';
import { Pgbench } from './rivals/pgbench.ts';

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
  if (bench.wants('With tokens')) await withToken(setting);
  if (bench.wants('At a fixed rate')) await fixedRate(setting);
  if (bench.wants('A commit of 2 ms more')) await slowCommit(setting);
  bench.remark(load.remark);
});

/** The first figure at least so many times the second. */
function atLeast(work: string, of: string, to: string, wanted: number): Target {
  return { work, of: [of, 'perSecond'], to: [[to, 'perSecond']], atLeast: wanted };
}

async function manyClients(setting: Setting): Promise<void> {
  const { bench, node } = setting;
  await bench.section({
    title: `${CLIENTS} clients`,
    figures: [
      { key: 'perSecond', label: 'a second' },
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'each', label: 'server, µs each' },
    ],
    contestants: [
      driven(setting, PLANTAO, node, CLIENTS),
      driven(setting, ECHO, setting.echo, CLIENTS),
      inserted(setting, NOTIFY, CLIENTS),
      inserted(setting, INSERT, CLIENTS),
    ],
    targets: [
      atLeast('64 clients: durable posts / pgbench INSERT + NOTIFY', PLANTAO, NOTIFY, 2.5),
      atLeast('64 clients: durable posts / Express parse and echo', PLANTAO, ECHO, 0.8),
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
      bareStatement(setting),
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

/** Latency where requests come when they come, whatever the server does: at shares of what it can do at the most. */
async function fixedRate({ bench, load, node }: Setting): Promise<void> {
  const most = await load.drive(drive(bench, node, CLIENTS));
  const contestants = [0.25, 0.5, 0.75].map((share): Contestant => {
    const rate = Math.round(most.perSecond * share);
    return {
      name: `${100 * share} % of the most: ${shown(rate)} a second`,
      async round() {
        const { latency, perSecond } = await load.drive({ ...drive(bench, node, 256), rate });
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
  const set = async (delay: string, siblings: string) => {
    await sql(url, `ALTER SYSTEM SET commit_delay = ${delay}`);
    await sql(url, `ALTER SYSTEM SET commit_siblings = ${siblings}`);
    await sql(url, 'SELECT pg_reload_conf()');
    await new Promise((resolve) => setTimeout(resolve, time(bench, 1000)));
  };
  await set('2000', '0');
  await bench.section({
    title: 'A commit of 2 ms more',
    figures: [
      { key: 'perSecond', label: 'a second' },
      { key: 'p50', label: 'p50 ms' },
    ],
    contestants: [
      driven(setting, PLANTAO, setting.node, CLIENTS),
      inserted(setting, NOTIFY, CLIENTS),
      inserted(setting, INSERT, CLIENTS),
    ],
    targets: [atLeast('fsync of 2 ms: durable posts / pgbench INSERT + NOTIFY', PLANTAO, NOTIFY, 15)],
    rounds: Math.min(3, bench.rounds),
  });
  await set('DEFAULT', 'DEFAULT');
}
