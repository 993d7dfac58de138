import { execFile } from 'node:child_process';
import { createHash, randomBytes } from 'node:crypto';
import { chown, mkdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { promisify } from 'node:util';
import { errorMessage } from '../../error-message.ts';
import type { PostgresBinaries } from './binaries.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { checkOwnFolder, checkPlace } from './own-folder.ts';
import type { ServerUser } from './system-user.ts';

const run = promisify(execFile);

/** The superuser of an embedded server, and the name of its one database. */
export const EMBEDDED_NAME = 'plantao';

/** The files of one embedded server. */
export interface DataFolder {
  folder: string;
  /** PostgreSQL's own data directory. */
  data: string;
  passwordFile: string;
  logFile: string;
  /** `plantao-<hash>`, in the command line of every process of the server, which identifies its processes. */
  mark: string;
}

/**
 * Prepares `given` for a server. If we are root and `user` may not enter `given`, it prepares a folder in the system's temp
 * folder instead, always the same one for `given`, so that the data is found again.
 *
 * @throws EmbeddedPostgresError when it cannot be written
 */
export async function openDataFolder(
  given: string,
  user: ServerUser,
  log: (line: string) => void,
): Promise<DataFolder> {
  const wanted = path.resolve(given);
  const mark = `plantao-${createHash('sha256').update(wanted).digest('hex').slice(0, 16)}`;
  await writing(wanted, () => mkdir(wanted, { recursive: true, mode: 0o755 }));
  const folder = (await mayEnter(wanted, user)) ? wanted : await fallbackFolder(wanted, mark, log);
  const probe = path.join(folder, `.probe-${process.pid}`);
  await writing(folder, async () => {
    await writeFile(probe, '');
    await rm(probe);
  });
  return {
    folder,
    data: path.join(folder, 'postgres'),
    passwordFile: path.join(folder, 'password'),
    logFile: path.join(folder, 'postgres.log'),
    mark,
  };
}

async function mayEnter(folder: string, user: ServerUser): Promise<boolean> {
  if (user.uid === undefined) return true;
  // Tried instead of read from mode bits: access lists and read-only mounts count too.
  const entered = run('/bin/sh', ['-c', 'cd -- "$1"', 'sh', folder], { ...user, cwd: '/' });
  return entered.then(
    () => true,
    () => false,
  );
}

async function fallbackFolder(wanted: string, mark: string, log: (line: string) => void): Promise<string> {
  const folder = path.join(tmpdir(), mark);
  await writing(folder, () => mkdir(folder, { recursive: true, mode: 0o755 }));
  // Any user may create folders in the temp folder. One that others can change is not used for the data.
  await checkPlace(folder);
  await checkOwnFolder(folder);
  log(`the user that runs PostgreSQL may not enter ${wanted}; its data is in ${folder} instead`);
  return folder;
}

async function writing<T>(folder: string, action: () => Promise<T>): Promise<T> {
  try {
    return await action();
  } catch (error) {
    const reason = errorMessage(error).replace(/, [a-z]+ '.*$/, '');
    throw new EmbeddedPostgresError(`The data folder ${folder} cannot be written (${reason}): choose another folder.`);
  }
}

/** Deletes the server's data: only what this program created, never the given folder itself. */
export async function discardData(at: DataFolder): Promise<void> {
  await writing(at.folder, async () => {
    for (const name of [at.data, `${at.data}.new`, at.passwordFile, at.logFile]) {
      await rm(name, { recursive: true, force: true });
    }
  });
}

/**
 * Creates the data directory if it is missing, and returns the superuser's password. The directory gets its name only when
 * it is complete, so an interrupted start is repeated.
 *
 * @throws EmbeddedPostgresError when it cannot be created, or exists and cannot be used
 */
export async function initialise(at: DataFolder, programs: PostgresBinaries, user: ServerUser): Promise<string> {
  if (await stat(at.data).catch(() => null)) {
    await checkVersion(at, programs, user);
    return readPassword(at);
  }
  const password = randomBytes(24).toString('base64url');
  const fresh = `${at.data}.new`;
  await writing(at.folder, async () => {
    await rm(fresh, { recursive: true, force: true });
    await rm(at.passwordFile, { force: true });
    await writeFile(at.passwordFile, `${password}\n`, { mode: 0o600 });
    await mkdir(fresh, { mode: 0o700 });
    if (user.uid !== undefined && user.gid !== undefined) {
      await chown(at.passwordFile, user.uid, user.gid);
      await chown(fresh, user.uid, user.gid);
    }
  });
  // The built-in provider lowers and normalises every script in the same way on every machine. Plain C knows only ASCII, and
  // the system's locales differ between machines. PostgreSQL 17 was the first to have it.
  const builtin = ['--locale=C', '--locale-provider=builtin', '--builtin-locale=C.UTF-8'];
  const isOld = Number(await majorVersion(programs, user)) < 17;
  const locale = ['--encoding=UTF8', ...(isOld ? ['--locale=C.UTF-8'] : builtin)];
  const access = [`--username=${EMBEDDED_NAME}`, `--pwfile=${at.passwordFile}`, '--auth=scram-sha-256'];
  try {
    await run(programs.initdb, [`--pgdata=${fresh}`, ...access, ...locale], {
      ...user,
      cwd: at.folder,
      env: { LC_ALL: 'C', TZ: 'UTC' },
      timeout: 120_000,
    });
  } catch (error) {
    const output = error instanceof Error && 'stderr' in error ? String(error.stderr) : String(error);
    throw new EmbeddedPostgresError(`PostgreSQL could not set up ${at.folder}: ${lastErrorLine(output)}`);
  }
  await writing(at.folder, () => rename(fresh, at.data));
  return password;
}

async function readPassword(at: DataFolder): Promise<string> {
  const text = await readFile(at.passwordFile, 'utf8').catch(() => '');
  if (text.trim() !== '') return text.trim();
  throw new EmbeddedPostgresError(
    `${at.folder} holds a database but not its password (the file "password"): put it back, or start with fresh data.`,
  );
}

async function checkVersion(at: DataFolder, programs: PostgresBinaries, user: ServerUser): Promise<void> {
  const made = (await readFile(path.join(at.data, 'PG_VERSION'), 'utf8').catch(() => 'unknown')).trim();
  const ours = await majorVersion(programs, user);
  if (made === ours) return;
  throw new EmbeddedPostgresError(
    `The data in ${at.folder} was created by PostgreSQL ${made}, and this is PostgreSQL ${ours}: start with fresh data, or move it with pg_dump.`,
  );
}

/** Returns the major version of the programs, such as `18`. */
export async function majorVersion(
  { postgres }: Pick<PostgresBinaries, 'postgres'>,
  user: ServerUser,
): Promise<string> {
  const { stdout } = await run(postgres, ['--version'], { ...user, cwd: path.parse(postgres).root });
  return /\b(\d+)[.\d]/.exec(stdout)?.[1] ?? 'unknown';
}

/** Returns the last line of `output` that names an error, for the end of a sentence. */
export function lastErrorLine(output: string): string {
  const lines = output.split('\n').filter((line) => line.trim() !== '');
  const telling =
    lines.findLast((line) => /\b(FATAL|PANIC|error|ERROR)\b/.test(line)) ?? lines.at(-1) ?? 'it printed nothing';
  return telling.replace(/^.*?(?=\b(FATAL|PANIC|ERROR|error)\b)/, '').trim();
}
