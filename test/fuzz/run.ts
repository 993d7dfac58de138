/** `npm run fuzz [-- --requests 50000 --seed 1]`: both modes of AUTH, each on a node and a database of its own. */
import { parseArgs } from 'node:util';
import pg from 'pg';
import { eventually } from '../support/eventually.ts';
import { get } from '../support/http.ts';
import { startNode } from '../support/node-process.ts';
import { createDatabase } from '../support/postgres.ts';
import { stopTestServer } from '../support/test-server.ts';
import { FUZZED, type FuzzReport, fuzz } from './fuzzer.ts';

const { values } = parseArgs({
  options: { requests: { type: 'string', default: '60000' }, seed: { type: 'string' } },
});
const requests = Number(values.requests);
const seed = Number(values.seed ?? Math.floor(Math.random() * 2 ** 31));
if (!Number.isInteger(requests) || requests < 1 || !Number.isInteger(seed)) {
  console.error('--requests and --seed are whole numbers');
  process.exit(1);
}

async function run(auth: 'open' | 'token', share: number): Promise<number> {
  const database = await createDatabase();
  const node = await startNode({ ...FUZZED, databaseUrl: database.url, env: { ...FUZZED.env, AUTH: auth } });
  const sql = new pg.Client({ connectionString: database.url });
  await sql.connect();
  const startedAt = performance.now();
  const progress = (report: FuzzReport) => process.stdout.write(`\r${lineOf(auth, report, startedAt)}   `);
  try {
    await eventually('it is on duty', async () => (await get(`${node.url}/health`)).body.active === true);
    const report = await fuzz({ node, sql, auth, seed, requests: share, seconds: 3600, onProgress: progress });
    process.stdout.write(`\r${lineOf(auth, report, startedAt)}: as documented, and the state is the model's\n`);
    return report.requests + report.raw;
  } finally {
    await sql.end();
    await node.stop();
    await database.drop();
  }
}

function lineOf(auth: string, { requests: sent, raw, statuses }: FuzzReport, startedAt: number): string {
  const counts = [...statuses].sort(([one], [other]) => one - other).map(([status, count]) => `${status}×${count}`);
  const perSecond = Math.round((sent + raw) / ((performance.now() - startedAt) / 1000));
  return `AUTH=${auth}: ${sent} requests and ${raw} raw ones, ${perSecond} a second; ${counts.join(' ')}`;
}

console.log(`seed ${seed}`);
// The test server's own session does not keep a process awake, and at times it is all that is waited for.
const awake = setInterval(() => {}, 60_000);
try {
  const sent = (await run('open', Math.ceil(requests * 0.7))) + (await run('token', Math.ceil(requests * 0.3)));
  console.log(`${sent} requests in all`);
} catch (error) {
  console.error(`\n${error instanceof Error ? error.message : error}`);
  process.exitCode = 1;
} finally {
  await stopTestServer();
  clearInterval(awake);
}
