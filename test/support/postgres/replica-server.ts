import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { appendFile, chown, mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import type { DataFolder } from '../../../src/local-cluster/embedded/data-folder.ts';
import { serverProcesses } from '../../../src/local-cluster/embedded/leftovers.ts';
import { guardAgainstOrphaning } from '../../../src/local-cluster/embedded/orphan-guard.ts';
import type { ServerTools } from '../../../src/local-cluster/replicated/server-tools.ts';
import { startTcpProxy, type TcpProxy } from '../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../eventually.ts';
import { track } from '../run/tracked.ts';
import { withSession } from './with-session.ts';

/** The superuser, who also replicates, and the name of the database. */
export const REPLICA_NAME = 'plantao';
const READY_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 20_000;

/** Options of a {@link ReplicaServer}. */
export interface ReplicaServerOptions {
  tools: ServerTools;
  /** Its own folder; the server's user must be able to enter it. */
  folder: string;
  /** Also its application_name as a standby, which synchronous_standby_names may list. */
  name: string;
  port: number;
  password: string;
  /** E.g. `['-c', 'max_connections=50']`. */
  flags?: readonly string[];
}

/** One PostgreSQL server of a replicated set: primary or standby. Keeps its port and its data through every restart. */
export class ReplicaServer {
  readonly name: string;
  readonly port: number;
  /** The URL of the database; works while the server runs. */
  readonly url: string;
  readonly #options: ReplicaServerOptions;
  readonly #at: DataFolder;
  #child: ChildProcess | null = null;
  #exited: Promise<unknown> = Promise.resolve();
  #link: TcpProxy | null = null;

  constructor(options: ReplicaServerOptions) {
    const { folder, name, port, password } = options;
    this.#options = options;
    this.name = name;
    this.port = port;
    this.url = `postgres://${REPLICA_NAME}:${password}@127.0.0.1:${port}/${REPLICA_NAME}`;
    this.#at = {
      folder,
      data: path.join(folder, 'data'),
      passwordFile: path.join(folder, 'password'),
      logFile: path.join(folder, 'log'),
      // The cluster_name, by which its processes are found. It is not the application_name of a standby.
      mark: `${name}-${randomBytes(4).toString('hex')}`,
    };
    track({ owner: `postgres ${name} on ${port}`, pid: () => this.pid, kill: () => this.#child?.kill('SIGKILL') });
  }

  /** The pid of the postmaster; null while it is down. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** The connection to the primary: cut, delay or swallow it. Throws for a server that never was a standby. */
  get link(): TcpProxy {
    if (!this.#link) throw new Error(`${this.name} follows no primary`);
    return this.#link;
  }

  /** The server's log, for error messages. */
  log(): Promise<string> {
    return readFile(this.#at.logFile, 'utf8').catch(() => '');
  }

  /** Creates the data of a primary, ready for replication and pg_rewind. */
  async create(): Promise<void> {
    const { tools, password } = this.#options;
    await this.#makeFolder();
    await writeFile(this.#at.passwordFile, `${password}\n`, { mode: 0o600 });
    await this.#own(this.#at.passwordFile);
    const access = [`--username=${REPLICA_NAME}`, `--pwfile=${this.#at.passwordFile}`, '--auth=scram-sha-256'];
    await tools.run('initdb', [`--pgdata=${this.#at.data}`, ...access, '--encoding=UTF8', '--locale=C', '--no-sync']);
    // pg_rewind requires wal_log_hints, and WAL that reaches back to the fork.
    const settings = ['wal_level=replica', 'wal_log_hints=on', 'wal_keep_size=256MB', 'max_wal_senders=10'];
    await appendFile(path.join(this.#at.data, 'postgresql.conf'), `\n${settings.join('\n')}\n`);
  }

  /** Copies the data of a running primary with pg_basebackup. */
  async cloneFrom(primary: ReplicaServer): Promise<void> {
    await this.#makeFolder();
    const { tools } = this.#options;
    const args = ['--pgdata', this.#at.data, '--checkpoint=fast', '--wal-method=stream', '--no-sync'];
    await tools.run('pg_basebackup', [...args, '--dbname', primary.conninfo('postgres')]);
    await this.follow(primary);
  }

  /** Rewinds the data of this stopped or killed server to those of `primary` with pg_rewind, and makes it a standby. */
  async rewindTo(primary: ReplicaServer): Promise<void> {
    const args = ['--target-pgdata', this.#at.data, '--source-server', primary.conninfo('postgres'), '--no-sync'];
    await this.#options.tools.run('pg_rewind', args);
    await this.follow(primary);
  }

  /** Configures this server as a standby of `primary`, through a new {@link link}. Takes effect at its next start. */
  async follow(primary: ReplicaServer): Promise<void> {
    await this.#link?.close();
    this.#link = await startTcpProxy({ port: primary.port });
    const conninfo = `${primary.conninfo('postgres', this.#link.port)} application_name=${this.name}`;
    const settings = [`primary_conninfo = '${conninfo}'`, "synchronous_standby_names = ''"];
    await appendFile(path.join(this.#at.data, 'postgresql.auto.conf'), `${settings.join('\n')}\n`);
    const signal = path.join(this.#at.data, 'standby.signal');
    await writeFile(signal, '');
    await this.#own(signal);
  }

  /** A libpq connection string to `database` of this server. */
  conninfo(database: string, port = this.port): string {
    return `host=127.0.0.1 port=${port} user=${REPLICA_NAME} password=${this.#options.password} dbname=${database}`;
  }

  /** Starts the server. Resolves when it accepts sessions. */
  async start(): Promise<void> {
    const { tools, port, flags = [] } = this.#options;
    const settings = { listen_addresses: '127.0.0.1', unix_socket_directories: '', cluster_name: this.#at.mark };
    const own = Object.entries(settings).flatMap(([name, value]) => ['-c', `${name}=${value}`]);
    const output = openSync(this.#at.logFile, 'a', 0o600);
    await this.#own(this.#at.logFile);
    const args = ['-D', this.#at.data, '-p', String(port), ...own, ...flags];
    const child = spawn(tools.path('postgres'), args, {
      ...tools.user,
      cwd: this.#at.folder,
      env: { LC_ALL: 'C', TZ: 'UTC' },
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.#child = child;
    const guard = child.pid === undefined ? null : guardAgainstOrphaning(child.pid, { first: 'INT', last: 'QUIT' });
    this.#exited = once(child, 'exit')
      .catch(() => undefined)
      .then(() => {
        guard?.release();
        if (this.#child === child) this.#child = null;
      });
    await eventually(`${this.name} accepts sessions`, () => this.#acceptsSessions(), {
      within: READY_TIMEOUT_MS,
    }).catch(async (error) => {
      throw new Error(`${error.message}; its log ends with:\n${(await this.log()).slice(-2000)}`, { cause: error });
    });
  }

  async #acceptsSessions(): Promise<boolean> {
    await this.query('SELECT', [], 'postgres');
    return true;
  }

  /** Runs one statement on a session of its own. Throws while the server is down. */
  async query<Row extends pg.QueryResultRow>(
    sql: string,
    values: unknown[] = [],
    database = REPLICA_NAME,
  ): Promise<Row[]> {
    const connectionString = this.url.replace(/[^/]*$/, database);
    const config = { connectionString, connectionTimeoutMillis: 3000, query_timeout: 30_000 };
    return withSession(config, async (client) => (await client.query<Row>(sql, values)).rows);
  }

  /** Returns true while the server is in recovery: it is a standby. */
  async isInRecovery(): Promise<boolean> {
    const [row] = await this.query<{ standby: boolean }>('SELECT pg_is_in_recovery() AS standby', [], 'postgres');
    return row?.standby === true;
  }

  /** Promotes this standby. Resolves when it accepts writes. */
  async promote(): Promise<void> {
    await this.query('SELECT pg_promote(wait => true, wait_seconds => 30)', [], 'postgres');
    await eventually(`${this.name} is promoted`, async () => !(await this.isInRecovery()), { within: 30_000 });
  }

  /** Kills every process of the server with SIGKILL, as the loss of its machine does. */
  async kill(): Promise<void> {
    // The postmaster first: it would restart the others.
    this.#child?.kill('SIGKILL');
    await this.#signalAll('SIGKILL');
    await this.#exited;
    await eventually(`${this.name} has no process`, async () => (await serverProcesses(this.#at)).length === 0);
  }

  /** Stops every process with SIGSTOP: connections stay open and nothing is answered. */
  async freeze(): Promise<void> {
    this.#child?.kill('SIGSTOP');
    await this.#signalAll('SIGSTOP');
  }

  /** Undoes {@link freeze}. */
  async thaw(): Promise<void> {
    await this.#signalAll('SIGCONT');
  }

  async #signalAll(signal: NodeJS.Signals): Promise<void> {
    for (const { pid } of await serverProcesses(this.#at)) {
      try {
        process.kill(pid, signal);
      } catch {
        // The process has ended.
      }
    }
  }

  /** Stops the server: `fast` closes its sessions gracefully, `immediate` is a crash. */
  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const steps: NodeJS.Signals[] = how === 'fast' ? ['SIGINT', 'SIGQUIT', 'SIGKILL'] : ['SIGQUIT', 'SIGKILL'];
    for (const signal of steps) {
      if (this.#child === null) return;
      this.#child.kill(signal);
      const isStopped = () => this.#child === null;
      await eventually(`${this.name} stops`, isStopped, { within: STOP_TIMEOUT_MS }).catch(() => undefined);
    }
    await this.#exited;
  }

  /** Stops the server by force if necessary, and closes its link. Its folder is left to the caller. */
  async close(): Promise<void> {
    await this.thaw();
    await this.stop('immediate');
    await this.kill();
    await this.#link?.close();
  }

  async #makeFolder(): Promise<void> {
    await mkdir(this.#at.folder, { mode: 0o700 });
    await this.#own(this.#at.folder);
  }

  async #own(file: string): Promise<void> {
    const { uid, gid } = this.#options.tools.user;
    if (uid !== undefined && gid !== undefined) await chown(file, uid, gid);
  }
}
