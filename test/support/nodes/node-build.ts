import { readFileSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { transformSync } from 'esbuild';
import { buildDist } from '../../../src/build/dist.ts';
import { PACKAGE_ROOT } from '../../../src/package-root.ts';

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

/** Returns the arguments of Node.js for a program of `src/`, such as `main`: from the build, or from the sources without one. */
export function programOf(name: string, modules: readonly string[] = []): string[] {
  const imports = modules.flatMap((file) => ['--import', compiled(file)]);
  if (process.env[IS_BUILT]) return [...imports, path.join('dist', `${path.basename(name)}.js`)];
  return ['--import', 'tsx', ...imports, path.join('src', `${name}.ts`)];
}

/** Compiles a module to a `data:` URL: with `--import tsx` in its place, tsx would compile the whole build too. */
function compiled(file: string): string {
  const { code } = transformSync(readFileSync(path.join(PACKAGE_ROOT, file), 'utf8'), { loader: 'ts', format: 'esm' });
  return `data:text/javascript,${encodeURIComponent(code)}`;
}

/** Returns the program of the lock thread; undefined if there is no build. */
export function lockProgram(): URL | undefined {
  if (!process.env[IS_BUILT]) return undefined;
  return pathToFileURL(path.join(PACKAGE_ROOT, 'dist', 'lock-worker.js'));
}
