import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connectionOptions } from '../../database/session/connection.ts';
import { DatabaseSession } from '../../database/session/database-session.ts';
import { runAndClose } from '../../database/session/run-and-close.ts';
import { type DataFolder, discardData, openDataFolder } from '../embedded/data-folder.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../embedded/embedded-postgres.ts';
import { endOrphans, sendSignal } from '../embedded/leftovers.ts';
import type { ServerTools } from './server-tools.ts';
import { copyPrimary, removeStandbySignal } from './standby-copy.ts';

const QUERY_LIMIT_MS = 40_000;
const STREAMING_TIMEOUT_MS = 30_000;
const LEFTOVER_TIMEOUT_MS = 10_000;

/** Options of a {@link ReplicatedServer}. */
export interface ReplicatedServerOptions {
  name: string;
  /** The folder of both servers. */
  folder: string;
  tools: ServerTools;
  flags: string[];
  log: (line: string) => void;
  /** Called when the server has exited, except by {@link ReplicatedServer.stop}. */
  onExit: () => void;
}

/** One of the two PostgreSQL servers of a replicated local cluster. It keeps its port through restarts. */
export class ReplicatedServer {
  readonly name: string;
  readonly #options: ReplicatedServerOptions;
  #server: EmbeddedPostgres | null = null;
  /** The last one that ran: some of its processes may outlive the postmaster. */
  #last: EmbeddedPostgres | null = null;
  #port: number | null = null;

  constructor(options: ReplicatedServerOptions) {
    this.#options = options;
    this.name = options.name;
  }

  get isRunning(): boolean {
    return this.#server !== null;
  }

  get pid(): number | null {
    return this.#server?.pid ?? null;
  }

  /** Known once it has started for the first time. */
  get port(): number {
    if (this.#port === null) throw new Error(`${this.name} has not been started`);
    return this.#port;
  }

  /** Known while it runs. */
  get password(): string {
    return decodeURIComponent(new URL(this.#server?.url ?? '').password);
  }

  /** `127.0.0.1:<port>`. */
  get address(): string {
    return `127.0.0.1:${this.port}`;
  }

  /** Starts the server with its data; without data, it starts as a new primary. */
  async start(): Promise<void> {
    const { folder, name, tools, flags, log, onExit } = this.#options;
    const server = await startEmbeddedPostgres({
      dataFolder: path.join(folder, name),
      programs: { initdb: tools.path('initdb'), postgres: tools.path('postgres') },
      flags,
      log,
      ...(this.#port !== null && { port: this.#port }),
    });
    this.#port = server.port;
    this.#server = server;
    this.#last = server;
    void server.exited.then(() => {
      if (this.#server !== server) return;
      this.#server = null;
      onExit();
    });
  }

  /** Deletes its data. */
  async discard(): Promise<void> {
    const at = await this.#data();
    await endOrphans(at, this.#options.log);
    await discardData(at);
  }

  /** Starts the server as the primary with its data, even if that is a standby's. */
  async startAsPrimary(): Promise<void> {
    await removeStandbySignal(await this.#data());
    await this.start();
  }

  /** Copies the data of `primary` and starts as its standby. Resolves when it streams. */
  async startAsStandbyOf(primary: ReplicatedServer, signal: AbortSignal): Promise<void> {
    const { tools } = this.#options;
    const { port, password } = primary;
    const data = await this.#data();
    await copyPrimary(data, tools, { port, password, name: this.name }, signal);
    await this.start();
    const deadline = Date.now() + STREAMING_TIMEOUT_MS;
    while (!(await primary.#streamsTo(this.name))) {
      if (Date.now() > deadline) {
        const limit = `within ${STREAMING_TIMEOUT_MS / 1000} s`;
        throw new Error(`${this.name} did not start streaming from ${primary.name} ${limit}: see ${data.logFile}`);
      }
      await sleep(50, undefined, { signal });
    }
  }

  async #streamsTo(name: string): Promise<boolean> {
    const text = "SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'";
    return (await this.#query(text, [name])).length > 0;
  }

  /** Ends what is left of a server that was killed: its processes may still write for a moment. */
  async endLeftoverProcesses(): Promise<void> {
    const deadline = Date.now() + LEFTOVER_TIMEOUT_MS;
    for (let pids = await this.#last?.processes(); pids && pids.length > 0; pids = await this.#last?.processes()) {
      if (Date.now() > deadline) throw new Error(`processes of ${this.name} do not end: ${pids.join(', ')}`);
      for (const pid of pids) sendSignal(pid, 'SIGKILL');
      await sleep(10);
    }
  }

  /** Makes this standby the primary, unless it is. */
  async promote(): Promise<void> {
    const text = 'SELECT CASE WHEN pg_is_in_recovery() THEN pg_promote(true, 30) ELSE true END AS promoted';
    const [row] = await this.#query(text);
    if (row?.promoted !== true) throw new Error(`${this.name} was not promoted within 30 s`);
  }

  /** Makes commits on this primary wait for the standby of that name, or for none. */
  async setSynchronousStandby(standby: string | null): Promise<void> {
    await this.#query(`ALTER SYSTEM SET synchronous_standby_names = '${standby ?? ''}'`);
    await this.#query('SELECT pg_reload_conf()');
  }

  async #query(text: string, values: unknown[] = []): Promise<Record<string, unknown>[]> {
    const url = (this.#server?.url ?? '').replace(/[^/]*$/, 'postgres');
    const session = await DatabaseSession.open(connectionOptions(url, 'plantao:-:launcher', QUERY_LIMIT_MS));
    return runAndClose(session, QUERY_LIMIT_MS, (query) => query(text, values));
  }

  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const server = this.#server;
    this.#server = null;
    await server?.stop(how);
  }

  #data(): Promise<DataFolder> {
    const { folder, name, tools, log } = this.#options;
    return openDataFolder(path.join(folder, name), tools.user, log);
  }
}
