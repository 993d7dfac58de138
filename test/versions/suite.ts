import { spawn } from 'node:child_process';
import { createWriteStream } from 'node:fs';
import path from 'node:path';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

/** The totals of one run of the suite. */
export interface Totals {
  passing: number;
  failing: number;
  pending: number;
  exit: number | null;
  ms: number;
}

/** Options of {@link runSuite}. */
export interface SuiteOptions {
  /** The program of Node.js. */
  node: string;
  /** The PostgreSQL server for the tests; null: they start their own. */
  databaseUrl: string | null;
  /** Default: those of `npm test` and `npm run test:slow`. */
  files: readonly string[];
  /** Receives the output. */
  log: string;
}

/** How `npm run test:one` runs a file. */
const ONE_FILE = [
  ...['--no-config', '--node-option', 'import=tsx', '--require', 'test/support/run/root-hooks.ts'],
  ...['--timeout', '60000', '--retries', '1'],
];

const WHOLE_SUITE = [...ONE_FILE, '--parallel', '--jobs', '2', 'test/{unit,integration,failure,browser}/**/*.test.ts'];

/** Runs the suite, or some of its files, with another Node.js and PostgreSQL. */
export async function runSuite({ node, databaseUrl, files, log }: SuiteOptions): Promise<Totals> {
  const mocha = path.join(PACKAGE_ROOT, 'node_modules/mocha/bin/mocha.js');
  const { DATABASE_URL: _own, ...env } = process.env;
  const searchPath = `${path.dirname(node)}${path.delimiter}${env.PATH ?? ''}`;
  const startedAt = performance.now();
  const child = spawn(node, [mocha, ...(files.length > 0 ? [...ONE_FILE, ...files] : WHOLE_SUITE)], {
    cwd: PACKAGE_ROOT,
    env: { ...env, PATH: searchPath, ...(databaseUrl === null ? {} : { DATABASE_URL: databaseUrl }) },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const file = createWriteStream(log);
  let text = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (part: string) => {
      file.write(part);
      text += part;
    });
  }
  const exit = await new Promise<number | null>((resolve) => {
    child.once('error', () => resolve(null));
    child.once('close', resolve);
  });
  file.end();
  const sum = (word: string) =>
    [...text.matchAll(new RegExp(`^ *(\\d+) ${word}`, 'gm'))].reduce((total, [, count]) => total + Number(count), 0);
  const [passing, failing, pending] = [sum('passing'), sum('failing'), sum('pending')];
  return { passing, failing, pending, exit, ms: performance.now() - startedAt };
}
