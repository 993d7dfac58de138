import type { Context, RootHookObject, Runner, Suite } from 'mocha';
import { dropDatabasesOfFile, shareTestServer, stopTestServer } from '../postgres/test-server.ts';
import { type Inventory, type Leak, leaksSince, takeInventory } from './leaks.ts';
import { takeWarnings } from './process-warnings.ts';
import { forgetEnded } from './tracked.ts';

/*
 * Fails the test that leaves a lock, a session, a process, a timer or a handle behind. It checks twice:
 *  - after each test, compared with the state before that test's first hook, so that a file may keep a node or a pool from
 *    `before` to `after`;
 *  - after each file's last `after`, compared with the state before the file.
 * The checks are hooks of each file's outermost `describe`: a failing root hook would end the whole run, while a failing
 * hook of a file ends only that file.
 */

/** How long things may take to close; leaks.test.ts, whose leaks never close, shortens it. */
const PATIENCE_MS = Number(process.env.LEAK_PATIENCE_MS ?? 8000);

let beforeTest: Inventory | null = null;
let beforeFile: Inventory | null = null;
/** The file whose final check is still to come. */
let unfinished: Suite | null = null;

function watch(suite: Suite): void {
  let reported = false;
  suite.afterEach('leaves nothing behind', async function (this: Context) {
    // A failed test may not have reached its own cleanup: one failure is enough.
    if (beforeTest === null || beforeFile === null || this.currentTest?.isFailed()) return;
    this.timeout(PATIENCE_MS + 20_000);
    const warnings = takeWarnings();
    if (warnings.length > 0) throw new Error(`Node.js has printed a warning in this test: ${warnings.join('; ')}`);
    const leaks = await leaksSince(beforeTest, PATIENCE_MS, beforeFile);
    reported = leaks.length > 0;
    report('test', leaks);
  });
  suite.afterAll('leaves nothing behind', async function (this: Context) {
    unfinished = null;
    if (beforeFile === null) return;
    this.timeout(PATIENCE_MS + 20_000);
    const leaks = await leaksSince(beforeFile, PATIENCE_MS);
    for (const { pid } of leaks) if (pid !== undefined) killProcess(pid);
    forgetEnded();
    await dropDatabasesOfFile();
    // The next file is not blamed for what this one left behind.
    beforeFile = await takeInventory();
    if (!reported && !hasFailed(suite)) report('file', leaks);
  });
}

/** Returns the outermost describe, which stands for the file. */
function outermost(suite: Suite | null): Suite | null {
  return suite?.parent && !suite.parent.root ? outermost(suite.parent) : suite;
}

function hasFailed(suite: Suite): boolean {
  return suite.tests.some((test) => test.isFailed()) || suite.suites.some(hasFailed);
}

function report(what: string, leaks: Leak[]): void {
  if (leaks.length === 0) return;
  throw new Error(`this ${what} has left behind: ${leaks.map(({ sentence }) => sentence).join('; ')}`);
}

/** Ends processes only: a forgotten client whose session was ended here would throw in the middle of the next file. */
function killProcess(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has exited.
  }
}

/** Runs once in the main process: the workers of a parallel run share one server and one build. Unit tests need neither. */
export async function mochaGlobalSetup(this: Runner & { isParallelMode(): boolean }): Promise<void> {
  if (process.env.UNIT_ONLY) return;
  const isParallel = this.isParallelMode();
  const startsNodes = isParallel || this.suite.suites.some(({ file }) => !/[\\/]unit[\\/]/.test(file ?? ''));
  await whileAlive(async () => {
    // Imported here because of esbuild, which takes a sixth of a second: unit tests and workers do not need it.
    if (startsNodes) await (await import('../nodes/node-build.ts')).buildNode();
    if (isParallel) await shareTestServer();
  });
}

export async function mochaGlobalTeardown(): Promise<void> {
  await whileAlive(stopTestServer);
}

/** The test server's handles do not keep the process alive: without this, Node.js would exit during `work`. */
async function whileAlive(work: () => Promise<void>): Promise<void> {
  const timer = setInterval(() => undefined, 60_000);
  await work().finally(() => clearInterval(timer));
}

/** Read by mocha (`require` in .mocharc.json). */
export const mochaHooks: RootHookObject = {
  async beforeAll(this: Context) {
    for (const suite of this.test?.parent?.suites ?? []) watch(suite);
    beforeFile = await takeInventory();
  },
  async beforeEach(this: Context) {
    beforeTest = await takeInventory();
    const file = outermost(this.currentTest?.parent ?? null);
    // An `after` of the last file failed, so mocha skipped the final check of that file: this one is not blamed for it.
    if (unfinished !== null && unfinished !== file) beforeFile = beforeTest;
    unfinished = file;
  },
  async afterAll() {
    await stopTestServer();
  },
};
