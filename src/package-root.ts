/**
 * The locations of this package's files, both when the code runs from `src/` (by tsx) and from `dist/` (after `npm run build`).
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** True if this code was compiled by `npm run build`. */
export const IS_BUILT = !import.meta.url.endsWith('.ts');

/** The folder of package.json, `migrations/` and, once built, `dist/`. */
export const PACKAGE_ROOT = findRoot(path.dirname(fileURLToPath(import.meta.url)));

/** Returns the version of the package. */
export function packageVersion(): string {
  const { version } = JSON.parse(readFileSync(path.join(PACKAGE_ROOT, 'package.json'), 'utf8')) as { version: string };
  return version;
}

/** The default location of a local cluster's data: the package's folder, or the working folder if npm installed the package. */
export const DATA_HOME = PACKAGE_ROOT.split(path.sep).includes('node_modules') ? process.cwd() : PACKAGE_ROOT;

/** The shell command that runs `plantao` from the user's folder: a script of npm in a clone, a program in an installed package. */
export const PLANTAO = IS_BUILT ? 'npx plantao' : 'npm run plantao --';

/** Returns the arguments with which `node`, started in {@link PACKAGE_ROOT}, runs a program of `src/`, such as `main`. */
export function programArguments(program: string): string[] {
  if (IS_BUILT) return [path.join('dist', `${path.basename(program)}.js`)];
  return ['--import', 'tsx', path.join('src', `${program}.ts`)];
}

// dist/ is flat and src/ is nested, so the root is not a fixed number of levels up.
function findRoot(folder: string): string {
  const parent = path.dirname(folder);
  if (existsSync(path.join(folder, 'package.json')) || parent === folder) return folder;
  return findRoot(parent);
}
