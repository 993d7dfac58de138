import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';
import { BINARIES_PACKAGE } from '../../src/local-cluster/embedded/binaries.ts';

const run = promisify(execFile);
const LIMIT_MS = 300_000;

/** The folder and version of a program that npm has installed, or the reason why it is missing. */
export type Installed = { folder: string; version: string } | { missing: string };

/** The package that holds only the program of Node.js for this machine. */
const NODE_PACKAGE = `node-${process.platform === 'win32' ? 'win' : process.platform}-${process.arch}`;

/** Installs the newest PostgreSQL of a major version below `root`. */
export const installPostgres = (root: string, major: number): Promise<Installed> =>
  install(path.join(root, `postgres-${major}`), BINARIES_PACKAGE, major);

/** Installs the newest Node.js of a major version below `root`. */
export const installNode = (root: string, major: number): Promise<Installed> =>
  install(path.join(root, `node-${major}`), NODE_PACKAGE, major);

async function install(place: string, name: string, major: number): Promise<Installed> {
  const folder = path.join(place, 'node_modules', ...name.split('/'));
  try {
    await mkdir(place, { recursive: true });
    await writeFile(path.join(place, 'package.json'), '{"private":true}');
    const newest = await newestOf(name, major);
    const flags = [
      '--loglevel=error',
      '--no-save',
      '--no-audit',
      '--no-fund',
      '--ignore-scripts',
      '--prefer-offline',
      '--no-package-lock',
    ];
    await run('npm', ['install', ...flags, `${name}@${newest}`], { cwd: place, timeout: LIMIT_MS });
    const { version } = JSON.parse(await readFile(path.join(folder, 'package.json'), 'utf8')) as { version: string };
    return { folder, version };
  } catch (error) {
    const said = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    const line =
      said.split('\n').find((one) => /code|notarget|ENOTFOUND|No matching/i.test(one)) ?? said.split('\n')[0];
    return { missing: `npm cannot install ${name} ${major}: ${line?.replace(/^npm (error|ERR!) */, '')}` };
  }
}

/** Returns the newest version. A range would not do: no range of npm matches PostgreSQL's, which are all marked as beta. */
async function newestOf(name: string, major: number): Promise<string> {
  const { stdout } = await run('npm', ['view', name, 'versions', '--json', '--loglevel=error'], { timeout: LIMIT_MS });
  const newest = (JSON.parse(stdout) as string[]).filter((one) => one.startsWith(`${major}.`)).at(-1);
  if (newest === undefined) throw new Error('No matching version found');
  return newest;
}
