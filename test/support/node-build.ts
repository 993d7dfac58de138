import { mkdir, mkdtemp, readFile, rm } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { build, type Plugin } from 'esbuild';

/*
 * A node that starts from its sources spends two thirds of its start, some two CPU seconds, in tsx; and its lock thread
 * half a second more. So the nodes of a test run start from a bundle that is built once, in a quarter of a second.
 */

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** Names the folder for this process, and for the workers of a parallel run. */
const BUILT = 'PLANTAO_TEST_BUILD';

/** Builds the node and its lock thread for this run. */
export async function buildNode(): Promise<void> {
  const cache = path.join(PROJECT, 'node_modules', '.cache', 'plantao-test');
  await mkdir(cache, { recursive: true });
  const folder = await mkdtemp(path.join(cache, 'node-'));
  await build({
    absWorkingDir: PROJECT,
    entryPoints: ['src/main.ts', 'src/coordination/lock/lock-worker.ts'],
    entryNames: '[name]',
    outdir: folder,
    outExtension: { '.js': '.mjs' },
    bundle: true,
    packages: 'external',
    platform: 'node',
    target: 'node20',
    format: 'esm',
    keepNames: true,
    logLevel: 'warning',
    plugins: [sourceUrls],
  });
  process.env[BUILT] = folder;
}

/** Removes what {@link buildNode} built. */
export async function removeNodeBuild(): Promise<void> {
  const folder = process.env[BUILT];
  if (folder !== undefined) await rm(folder, { recursive: true, force: true });
}

/** Returns the command line of a node that loads `modules` first: from the build, or from the sources without one. */
export function nodeProgram(modules: readonly string[] = []): string[] {
  const folder = process.env[BUILT];
  const needsTsx = folder === undefined || modules.length > 0;
  const imports = [...(needsTsx ? ['tsx'] : []), ...modules].flatMap((one) => ['--import', one]);
  return [...imports, folder === undefined ? 'src/main.ts' : path.join(folder, 'main.mjs')];
}

/** Returns the program of the lock thread; undefined where there is no build. */
export function lockProgram(): URL | undefined {
  const folder = process.env[BUILT];
  return folder === undefined ? undefined : pathToFileURL(path.join(folder, 'lock-worker.mjs'));
}

/** Files are found relative to the source file that names them, except the lock thread, which is in the bundle's folder. */
const sourceUrls: Plugin = {
  name: 'source-urls',
  setup({ onLoad }) {
    onLoad({ filter: /[\\/]src[\\/].*\.ts$/ }, async ({ path: file }) => {
      const text = await readFile(file, 'utf8');
      const url = JSON.stringify(pathToFileURL(file).href);
      const isOfLockThread = file.endsWith('lock-worker-link.ts');
      return { loader: 'ts', contents: isOfLockThread ? text : text.replaceAll('import.meta.url', url) };
    });
  },
};
