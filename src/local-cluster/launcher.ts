import { setTimeout as sleep } from 'node:timers/promises';
import { withTimeout } from '../async/with-timeout.ts';
import { UsageError } from '../terminal/arguments.ts';
import { banner } from './banner.ts';
import { ClusterDatabase, type LauncherDatabase } from './cluster-database.ts';
import { LauncherError } from './launcher-error.ts';
import { NodeChild } from './node-child.ts';
import { commonEnvironment, nodePlan } from './node-plan.ts';
import type { LauncherOptions } from './options.ts';
import type { Output } from './output.ts';
import { requireFreePorts } from './ports.ts';
import { prepareDemoDatabase } from './prepare-demo-database.ts';
import { ReplicatedDatabase } from './replicated/replicated-database.ts';

/** The options and the dependencies of a {@link Launcher}. */
export interface LauncherParts extends LauncherOptions {
  environment: NodeJS.ProcessEnv;
  /** Throws with a sentence if a node would refuse to start in this environment. */
  check: (environment: NodeJS.ProcessEnv) => { host: string; databaseDirectUrl: string; auth: 'open' | 'token' };
  /** Adds the demo data if it is missing. */
  seed: (databaseUrl: string) => Promise<unknown>;
  output: Output;
}

/** Nodes compile their sources at each start, several at once on few cores. */
const READY_TIMEOUT_MS = 60_000;
/** A server that is being set up or is recovering may take minutes to stop. After this time the launcher exits, and the server soon ends too. */
const STOP_WHILE_STARTING_MS = 25_000;

/** Runs PostgreSQL and the nodes, from the first check to the last stop. */
export class Launcher {
  readonly #parts: LauncherParts;
  readonly #stopRequest = new AbortController();
  #database: LauncherDatabase | null = null;
  #nodes: NodeChild[] = [];
  #isStopping = false;
  #isReady = false;

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  /**
   * Starts everything, keeps it running until {@link stop}, and stops it gracefully. Resolves when everything has stopped.
   *
   * @throws an error with a sentence for the user if it cannot start; nothing is left running then.
   */
  async run(): Promise<void> {
    try {
      // A stop does not wait for the start, and ignores its error: Ctrl-C ends initdb too, which then fails.
      await Promise.race([this.#start(), this.#waitForStop()]);
      await this.#waitForStop();
    } finally {
      await this.#stopAll();
    }
  }

  /** Starts an orderly stop; {@link run} resolves when it is complete. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    // The launcher does not stop a database that the settings name.
    const what = this.#database === null ? 'the nodes' : 'the nodes, then PostgreSQL';
    this.#parts.output.log(`stopping ${what} (press Ctrl-C again to force it)`);
    this.#stopRequest.abort();
  }

  async #waitForStop(): Promise<void> {
    const { signal } = this.#stopRequest;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  /** Stops at once: kill -9 for the nodes, an immediate shutdown for PostgreSQL, whose next start recovers. */
  kill(): void {
    for (const node of this.#nodes) node.kill();
    void this.#database?.stop('immediate');
  }

  async #start(): Promise<void> {
    const { nodes: count, port, fresh, replicas, output } = this.#parts;
    const given = commonEnvironment(this.#parts.environment);
    const isGiven = Boolean(given.DATABASE_URL?.trim() || given.DB_NAME?.trim());
    if (isGiven && fresh) {
      throw new UsageError(
        '--fresh deletes the data of the embedded PostgreSQL, but the settings name another database',
      );
    }
    if (isGiven && replicas > 0) {
      throw new UsageError('--replicas starts PostgreSQL servers, but the settings name another database');
    }
    // Invalid settings are reported before anything starts. The embedded database's URL is not known yet.
    const { host } = this.#parts.check(isGiven ? given : { ...given, ...embedded('postgres://localhost/plantao') });
    const ports = Array.from({ length: count }, (_, index) => port + index);
    await requireFreePorts(host, ports);
    if (this.#isStopping) return;

    const environment = isGiven ? given : { ...given, ...embedded(await this.#startDatabase()) };
    const { databaseDirectUrl, auth } = this.#parts.check(environment);
    if (this.#isStopping) return;
    const demo = await prepareDemoDatabase(databaseDirectUrl, this.#parts.seed, output);
    if (this.#isStopping) return;

    this.#nodes = ports.map((own) => new NodeChild({ ...nodePlan(own, ports, host, environment), output }));
    for (const node of this.#nodes) node.start();
    const isActive = await this.#becomeReady();
    if (this.#isStopping) return;
    for (const node of this.#nodes) node.keepRunning();
    this.#isReady = true;
    const rows = this.#nodes.map(({ name, url, pid }, index) => ({
      name,
      url,
      pid,
      isActive: isActive[index] ?? false,
    }));
    output.print(banner(rows, demo, isGiven ? null : databaseDirectUrl, auth, this.#database?.hints));
  }

  /** Starts PostgreSQL and returns its URL. */
  async #startDatabase(): Promise<string> {
    const { dataFolder, fresh, nodes, replicas, output, environment } = this.#parts;
    const options = { dataFolder, fresh, nodes, output };
    this.#database =
      replicas > 0
        ? new ReplicatedDatabase({ ...options, searchPath: environment.PATH })
        : new ClusterDatabase(options);
    return this.#database.start();
  }

  /** Waits until every node responds and one is active; returns for each node whether it is. */
  async #becomeReady(): Promise<boolean[]> {
    const deadline = Date.now() + READY_TIMEOUT_MS;
    while (!this.#isStopping) {
      const ended = this.#nodes.find(({ pid }) => pid === null);
      if (ended) throw new LauncherError(`${ended.name} ended before it was ready: ${ended.lastError}`);
      const health = await Promise.all(this.#nodes.map((node) => node.health()));
      if (health.every((one) => one !== null) && health.some((one) => one?.isActive)) {
        return health.map((one) => one?.isActive ?? false);
      }
      if (Date.now() > deadline) {
        const silent = this.#nodes.filter((_, index) => health[index] === null).map(({ name }) => name);
        const what = silent.length > 0 ? `${silent.join(' and ')} did not respond` : 'no node became active';
        throw new LauncherError(`the cluster is not ready after ${READY_TIMEOUT_MS / 1000} seconds: ${what}`);
      }
      await sleep(100);
    }
    return [];
  }

  /** Stops the standbys first, so that none is promoted when the active node stops; PostgreSQL last. */
  async #stopAll(): Promise<void> {
    this.#isStopping = true;
    const health = await Promise.all(this.#nodes.map((node) => node.health()));
    await Promise.all(this.#nodes.filter((_, index) => !health[index]?.isActive).map((node) => node.stop()));
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.#stopDatabase();
    if (this.#nodes.length > 0) this.#parts.output.log('everything has stopped');
  }

  async #stopDatabase(): Promise<void> {
    const stopping = this.#database?.stop() ?? Promise.resolve();
    await (this.#isReady ? stopping : withTimeout(STOP_WHILE_STARTING_MS, stopping, () => {}));
  }
}

/** The settings that name the embedded PostgreSQL, instead of those that name another database. */
function embedded(url: string): NodeJS.ProcessEnv {
  return { DATABASE_URL: url, DATABASE_DIRECT_URL: undefined };
}
