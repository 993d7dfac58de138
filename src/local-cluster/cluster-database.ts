import { KEPT_SESSIONS } from '../database/session/connection.ts';
import { errorMessage } from '../error-message.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from './embedded/embedded-postgres.ts';
import type { Output } from './output.ts';
import { RestartDelay } from './restart-delay.ts';

/** Sessions per node: ten in its pool and those that it keeps, and as many again of its predecessor. */
const SESSIONS_PER_NODE = 2 * (10 + KEPT_SESSIONS.length);

/** Returns the arguments of a server for a number of nodes. */
export const serverFlags = (nodes: number) => [
  '-c',
  `max_connections=${Math.max(100, nodes * SESSIONS_PER_NODE + 20)}`,
];

/** The PostgreSQL of a local cluster. */
export interface LauncherDatabase {
  /** Starts it and returns its URL, which stays the same through restarts and failovers. @throws a sentence for the user. */
  start(): Promise<string>;
  /** Stops it: `fast` gracefully, `immediate` like a crash. */
  stop(how?: 'fast' | 'immediate'): Promise<void>;
  /** Suggestions for trying it, as lines of the banner. */
  readonly hints: string;
}

/** Options of {@link ClusterDatabase}. */
export interface ClusterDatabaseOptions {
  dataFolder: string;
  fresh: boolean;
  nodes: number;
  output: Output;
}

/** The embedded PostgreSQL of a local cluster. It is restarted when it exits, until {@link ClusterDatabase.stop}. */
export class ClusterDatabase implements LauncherDatabase {
  readonly hints = '';
  readonly #options: ClusterDatabaseOptions;
  readonly #restartDelay = new RestartDelay();
  #server: EmbeddedPostgres | null = null;
  #startedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #isStopping = false;
  /** The start under way; a stop waits for it. Never rejects. */
  #launching: Promise<unknown> = Promise.resolve();

  constructor(options: ClusterDatabaseOptions) {
    this.#options = options;
  }

  /**
   * Starts the server and returns its URL, which stays the same through restarts.
   *
   * @throws {EmbeddedPostgresError} when it does not start.
   */
  async start(): Promise<string> {
    const { dataFolder, fresh, output } = this.#options;
    const server = await this.#launch({ fresh });
    output.log(
      `PostgreSQL is running on port ${server.port} (pid ${server.pid}); its data is in ${server.folder ?? dataFolder}`,
    );
    return server.url;
  }

  #launch(how: { fresh: boolean } | { port: number }): Promise<EmbeddedPostgres> {
    const launched = this.#launchOnce(how);
    this.#launching = launched.catch(() => {});
    return launched;
  }

  async #launchOnce(how: { fresh: boolean } | { port: number }): Promise<EmbeddedPostgres> {
    const { dataFolder, nodes, output } = this.#options;
    const flags = serverFlags(nodes);
    this.#startedAt = Date.now();
    const server = await startEmbeddedPostgres({ dataFolder, flags, log: (line) => output.log(line), ...how });
    this.#server = server;
    void server.exited.then(() => this.#ended(server.port));
    // stop() was called while it was starting.
    if (this.#isStopping) await server.stop();
    return server;
  }

  #ended(port: number): void {
    if (this.#isStopping) return;
    const pause = this.#restartDelay.next(Date.now() - this.#startedAt);
    this.#options.output.log(`PostgreSQL exited; restarting it in ${(pause / 1000).toFixed(1)} s`);
    this.#timer = setTimeout(() => void this.#relaunch(port), pause);
  }

  async #relaunch(port: number): Promise<void> {
    try {
      const server = await this.#launch({ port });
      this.#options.output.log(`PostgreSQL is running again (pid ${server.pid})`);
    } catch (error) {
      this.#options.output.log(errorMessage(error));
      this.#ended(port);
    }
  }

  /** Stops the server: `fast` gracefully, `immediate` like a crash. */
  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    this.#isStopping = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#server?.stop(how);
    // A start under way stops the server itself, possibly after this point.
    await this.#launching;
  }
}
