/** `npm run fuzz [-- --requests 50000 --seed 1]`: fuzzes both modes of AUTH, each on its own node and database. */
import pg from 'pg';
import { wholeOption } from '../../src/terminal/arguments.ts';
import { untilActive } from '../support/nodes/health.ts';
import { startNode } from '../support/nodes/node-process.ts';
import { createDatabase } from '../support/postgres/postgres.ts';
import { stopTestServer } from '../support/postgres/test-server.ts';
import { programArguments } from '../support/run/arguments.ts';
import { FUZZED_NODE, type FuzzProgress, fuzz } from './fuzzer.ts';

const USAGE = `npm run fuzz -- [--requests 60000] [--seed S]
  --requests  in both modes of AUTH together
  --seed      for all random choices; default: a new one each time`;

const MAX = 2 ** 31;
const { requests, seed } = programArguments(
  USAGE,
  { requests: { type: 'string', default: '60000' }, seed: { type: 'string' } },
  (values) => ({
    requests: wholeOption('requests', values.requests, 1, MAX),
    seed: values.seed === undefined ? Math.floor(Math.random() * MAX) : wholeOption('seed', values.seed, 0, MAX),
  }),
);

async function run(auth: 'open' | 'token', share: number): Promise<number> {
  const database = await createDatabase();
  const node = await startNode({ ...FUZZED_NODE, databaseUrl: database.url, env: { ...FUZZED_NODE.env, AUTH: auth } });
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  const startedAt = performance.now();
  const progress = (report: FuzzProgress) => process.stdout.write(`\r${formatProgress(auth, report, startedAt)}   `);
  try {
    await untilActive(node);
    const report = await fuzz({ node, sql, auth, seed, requests: share, seconds: 3600, onProgress: progress });
    process.stdout.write(
      `\r${formatProgress(auth, report, startedAt)}: all responses are as documented, and the state matches the model\n`,
    );
    return report.requests + report.raw;
  } finally {
    await sql.end();
    await node.stop();
    await database.drop();
  }
}

function formatProgress(auth: string, { requests: sent, raw, statuses }: FuzzProgress, startedAt: number): string {
  const counts = [...statuses].sort(([one], [other]) => one - other).map(([status, count]) => `${status}×${count}`);
  const perSecond = Math.round((sent + raw) / ((performance.now() - startedAt) / 1000));
  return `AUTH=${auth}: ${sent} requests and ${raw} raw ones, ${perSecond} per second; ${counts.join(' ')}`;
}

console.log(`seed ${seed}`);
// The session of the test server does not keep the process alive, and sometimes nothing else is pending.
const keepAlive = setInterval(() => {}, 60_000);
try {
  const sent = (await run('open', Math.ceil(requests * 0.7))) + (await run('token', Math.ceil(requests * 0.3)));
  console.log(`${sent} requests in all`);
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await stopTestServer();
  clearInterval(keepAlive);
}
