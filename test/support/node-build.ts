import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { buildDist } from '../../src/cli/dist.ts';
import { PACKAGE_ROOT } from '../../src/package-root.ts';

/*
 * A node that starts from its sources spends two thirds of its start, some two CPU seconds, in tsx; and its lock thread
 * half a second more. So the nodes of a test run start from the build, as they do in production.
 */

/** Set in the processes of a run that has a build. */
const IS_BUILT = 'PLANTAO_TEST_IS_BUILT';

/** Builds `dist/` unless it is up to date. The nodes of this process, and of the workers that it starts, run from it. */
export async function buildNode(): Promise<void> {
  await buildDist({ ifNeeded: true });
  process.env[IS_BUILT] = 'true';
}

/** Returns the command line of a node that loads `modules` first: from the build, or from the sources if there is none. */
export function nodeProgram(modules: readonly string[] = []): string[] {
  if (!process.env[IS_BUILT]) return [...imports(['tsx', ...modules]), path.join('src', 'main.ts')];
  return [...imports(modules.length > 0 ? ['tsx', ...modules] : []), path.join('dist', 'main.js')];
}

const imports = (modules: readonly string[]) => modules.flatMap((one) => ['--import', one]);

/** Returns the program of the lock thread; undefined if there is no build. */
export function lockProgram(): URL | undefined {
  if (!process.env[IS_BUILT]) return undefined;
  return pathToFileURL(path.join(PACKAGE_ROOT, 'dist', 'lock-worker.js'));
}
