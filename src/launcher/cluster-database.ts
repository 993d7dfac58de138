import { type EmbeddedPostgres, startEmbeddedPostgres } from '../database/embedded.ts';
import { messageOf } from '../database/errors.ts';
import type { Output } from './output.ts';
import { RestartPause } from './restart-pause.ts';

/** Sessions a node may have open: ten of its pool, six of their own (connection.ts), and as many of its predecessor's. */
const SESSIONS_A_NODE = 32;

/** What {@link ClusterDatabase} is told. */
export interface ClusterDatabaseOptions {
  dataFolder: string;
  fresh: boolean;
  nodes: number;
  output: Output;
}

/** The embedded PostgreSQL of a local cluster, started again when it ends by itself, until it is told to stop. */
export class ClusterDatabase {
  readonly #options: ClusterDatabaseOptions;
  readonly #pause = new RestartPause();
  #server: EmbeddedPostgres | null = null;
  #startedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #isStopping = false;
  /** The start under way, of which nothing is known yet; a stop waits for it. Never fails. */
  #launching: Promise<unknown> = Promise.resolve();

  constructor(options: ClusterDatabaseOptions) {
    this.#options = options;
  }

  /**
   * Starts it and answers its URL, which stays the same through restarts.
   *
   * @throws EmbeddedPostgresError when it does not start
   */
  async start(): Promise<string> {
    const { dataFolder, fresh, output } = this.#options;
    const server = await this.#launch({ fresh });
    output.tell(
      `PostgreSQL runs on port ${server.port} (pid ${server.pid}); its data are in ${server.folder ?? dataFolder}`,
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
    const flags = ['-c', `max_connections=${Math.max(100, nodes * SESSIONS_A_NODE + 20)}`];
    this.#startedAt = Date.now();
    const server = await startEmbeddedPostgres({ dataFolder, flags, log: (line) => output.tell(line), ...how });
    this.#server = server;
    void server.exited.then(() => this.#ended(server.port));
    // Told to stop while it was starting.
    if (this.#isStopping) await server.stop();
    return server;
  }

  #ended(port: number): void {
    if (this.#isStopping) return;
    const pause = this.#pause.next(Date.now() - this.#startedAt);
    this.#options.output.tell(`PostgreSQL has ended by itself; starting it again in ${(pause / 1000).toFixed(1)} s`);
    this.#timer = setTimeout(() => void this.#relaunch(port), pause);
  }

  async #relaunch(port: number): Promise<void> {
    try {
      const server = await this.#launch({ port });
      this.#options.output.tell(`PostgreSQL is started again (pid ${server.pid})`);
    } catch (error) {
      this.#options.output.tell(messageOf(error));
      this.#ended(port);
    }
  }

  /** Ends it in order; `immediate` for a person who does not want to wait. */
  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    this.#isStopping = true;
    if (this.#timer) clearTimeout(this.#timer);
    await this.#server?.stop(how);
    // One that was on its way stops as soon as it is there, which may be later than this call.
    await this.#launching;
  }
}
