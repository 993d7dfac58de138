/*
 * npm run bench:history: the cost of a page of messages with ten thousand and with ten million messages in the table.
 * `--rows N` reduces the large table if time or disk space (2 GB) is short.
 */
import { migrate } from '../../../src/database/migrator.ts';
import { startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { type Bench, runPart } from '../common/part.ts';
import { CONTENT, GROUPS, makePeople, sql, USERS } from '../common/people.ts';
import type { BenchProcess } from '../common/process.ts';
import type { Contestant } from '../common/section.ts';
import { startPlantao, withUsage } from '../common/servers.ts';
import { shown } from '../common/table.ts';
import { Load } from '../load/load.ts';
import type { RequestSpec } from '../load/requests.ts';

const SMALL = 10_000;
const LARGE = 10_000_000;
const CONNECTIONS = 16;

/** A database with a number of messages, and the node that reads it. */
interface Dataset {
  rows: number;
  url: string;
  node: BenchProcess;
}

const newestPages = (): RequestSpec[] =>
  Array.from({ length: GROUPS }, (_, at) => ({ method: 'GET', path: `/messages?groupId=${at + 1}` }));

/** Returns requests for full pages from a group's past. In the small table (a hundred messages a group) these start in the last three quarters. */
const pastPages = (rows: number): RequestSpec[] =>
  Array.from({ length: 997 }, (_, at) => {
    const before = Math.floor(rows * (0.25 + 0.75 * ((at + 1) / 998)));
    return { method: 'GET', path: `/messages?groupId=${1 + (at % GROUPS)}&limit=20&before=${before}` };
  });

const chats = (): RequestSpec[] =>
  Array.from({ length: USERS }, (_, at) => ({ method: 'GET', path: `/chats?userId=${at + 1}` }));

await runPart('history', 'Reading', async (bench) => {
  const large = bench.size('rows') ?? (bench.isQuick ? 200_000 : LARGE);
  bench.progress.say('starting PostgreSQL and the load generator');
  const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=100'] });
  bench.defer(() => postgres.remove());
  const load = await Load.start();
  bench.defer(() => load.stop());
  const datasets: Dataset[] = [];
  for (const rows of [SMALL, large]) {
    const url = await createDataset(bench, postgres.url, rows);
    const node = await startPlantao(url, { NODE_NAME: `node-${rows}` });
    bench.defer(() => node.stop());
    datasets.push({ rows, url, node });
  }

  const name = (what: string, rows: number) => `${what}, ${shown(rows)} rows`;
  const PAGE = 'newest page';
  const PAST = 'page from the past';
  const target = (what: string) => ({
    work: `GET /messages, ${what}: p50 with ${shown(large)} rows / with ${shown(SMALL)}`,
    of: [name(what, large), 'p50'] as [string, string],
    to: [[name(what, SMALL), 'p50']] as [string, string][],
    atMost: 1.2,
  });
  await bench.section({
    title: 'GET /messages',
    figures: [
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'perSecond', label: 'per second' },
    ],
    contestants: datasets.flatMap((dataset) => [
      contestant(bench, load, dataset, name(PAGE, dataset.rows), newestPages()),
      contestant(bench, load, dataset, name(PAST, dataset.rows), pastPages(dataset.rows)),
    ]),
    targets: [target(PAGE), target(PAST)],
    rounds: Math.min(3, bench.rounds),
  });
  await bench.section({
    title: 'GET /chats (ten groups of a hundred)',
    figures: [
      { key: 'p50', label: 'p50 ms' },
      { key: 'p99', label: 'p99 ms' },
      { key: 'perSecond', label: 'per second' },
    ],
    contestants: datasets.map((dataset) => contestant(bench, load, dataset, name('chats', dataset.rows), chats())),
    rounds: Math.min(3, bench.rounds),
  });
  for (const dataset of datasets) bench.remark(await planOf(dataset));
  bench.remark(load.remark);
});

/** Creates a database with `rows` messages spread over all groups. Triggers are disabled for speed. */
async function createDataset(bench: Bench, serverUrl: string, rows: number): Promise<string> {
  bench.progress.say(`storing ${shown(rows)} messages`);
  const database = `dataset_${rows}`;
  await sql(serverUrl, `CREATE DATABASE ${database}`);
  const url = Object.assign(new URL(serverUrl), { pathname: `/${database}` }).toString();
  await migrate(url);
  await makePeople(url);
  await sql(
    url,
    `SET session_replication_role = replica;
     SET maintenance_work_mem = '512MB';
     ALTER TABLE plantao.messages DROP CONSTRAINT messages_pkey;
     DROP INDEX plantao.messages_by_group;
     INSERT INTO plantao.messages (id, group_id, sender_id, content)
       SELECT n, 1 + n % ${GROUPS}, 1 + n % ${USERS}, '${CONTENT.slice(0, 60)}' FROM generate_series(1, ${rows}) n;
     ALTER TABLE plantao.messages ADD PRIMARY KEY (id);
     CREATE INDEX messages_by_group ON plantao.messages (group_id, id);
     SELECT setval('plantao.messages_id_seq', ${rows});`,
  );
  // VACUUM cannot run in the implicit transaction of several statements.
  await sql(url, 'VACUUM ANALYZE plantao.messages');
  return url;
}

function contestant(bench: Bench, load: Load, { node }: Dataset, name: string, requests: RequestSpec[]): Contestant {
  const forMs = bench.isQuick ? 1000 : 4000;
  return {
    name,
    async round() {
      const [result] = await withUsage(node, () =>
        load.drive({ ports: [node.port], connections: CONNECTIONS, requests, warmupMs: forMs / 2, forMs }),
      );
      if (Object.keys(result.refused).length > 0) throw new Error(`${name}: ${JSON.stringify(result.refused)}`);
      return { p50: result.latency.p50, p99: result.latency.p99, perSecond: result.perSecond };
    },
  };
}

/** Returns PostgreSQL's plan for the newest page. */
async function planOf({ rows, url }: Dataset): Promise<string> {
  const lines = await sql<{ 'QUERY PLAN': string }>(
    url,
    `EXPLAIN (ANALYZE, BUFFERS, COSTS OFF, TIMING OFF, SUMMARY OFF)
     SELECT m.id, u.username, m.content FROM plantao.messages m JOIN plantao.users u ON u.id = m.sender_id
     WHERE m.group_id = 7 AND m.id < 9007199254740991 AND m.id > 0 ORDER BY m.id DESC LIMIT 101`,
  );
  const plan = lines.map((line) => line['QUERY PLAN']).filter((line) => !line.startsWith('Planning'));
  return [`EXPLAIN of the newest page with ${shown(rows)} messages:`, ...plan].join('\n');
}
