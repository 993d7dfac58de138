import { setTimeout as pause } from 'node:timers/promises';
import { banner } from './banner.ts';
import { ClusterDatabase } from './cluster-database.ts';
import { LauncherError } from './launcher-error.ts';
import { NodeChild } from './node-child.ts';
import { type Environment, nodeEnvironment } from './node-environment.ts';
import type { LauncherOptions } from './options.ts';
import type { Output } from './output.ts';
import { requireFreePorts } from './ports.ts';
import { prepareDatabase } from './prepare-database.ts';

/** What a {@link Launcher} is given beside the command line. */
export interface LauncherParts extends LauncherOptions {
  environment: Environment;
  /** Throws, in sentences, where a node would refuse to start in this environment. */
  check: (environment: Environment) => { host: string; databaseDirectUrl: string; auth: 'open' | 'token' };
  /** Adds the demo data, where they are not yet. */
  seed: (databaseUrl: string) => Promise<unknown>;
  output: Output;
}

/** Nodes compile their sources at each start, several at once on a machine with few cores. */
const READY_WITHIN_MS = 60_000;

/** A PostgreSQL and its nodes, from the first check to the last stop. */
export class Launcher {
  readonly #parts: LauncherParts;
  readonly #stopAsked = new AbortController();
  #database: ClusterDatabase | null = null;
  #nodes: NodeChild[] = [];
  #isStopping = false;

  constructor(parts: LauncherParts) {
    this.#parts = parts;
  }

  /**
   * Starts everything, keeps it running until {@link stop}, and stops it in order; resolves when nothing runs any more.
   *
   * @throws an error with a sentence for a person when it cannot be started; nothing is left running then either
   */
  async run(): Promise<void> {
    try {
      await this.#start();
      await this.#untilStopAsked();
    } finally {
      await this.#stopAll();
    }
  }

  /** Asks for the orderly end; {@link run} resolves when it is done. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#parts.output.tell('stopping: the nodes, then PostgreSQL (Ctrl-C again to force it)');
    this.#stopAsked.abort();
  }

  async #untilStopAsked(): Promise<void> {
    const { signal } = this.#stopAsked;
    if (!signal.aborted) await new Promise((resolve) => signal.addEventListener('abort', resolve, { once: true }));
  }

  /** The end without order: kill -9 for the nodes, a crash for PostgreSQL, which its next start repairs. */
  kill(): void {
    for (const node of this.#nodes) node.kill();
    void this.#database?.stop('immediate');
  }

  async #start(): Promise<void> {
    const { environment: given, nodes: count, port, fresh, output } = this.#parts;
    const isGiven = Boolean(given.DATABASE_URL?.trim() || given.DB_NAME?.trim());
    if (isGiven && fresh) {
      throw new LauncherError(
        '--fresh throws away the data of the embedded PostgreSQL, and the settings name another database.',
      );
    }
    // Wrong settings are found before anything runs; where no database is named, its URL is not known yet.
    const { host } = this.#parts.check(isGiven ? given : { ...given, DATABASE_URL: 'postgres://localhost/plantao' });
    const ports = Array.from({ length: count }, (_, index) => port + index);
    await requireFreePorts(host, ports);

    const environment = isGiven ? given : await this.#startDatabase();
    const { databaseDirectUrl, auth } = this.#parts.check(environment);
    const demo = await prepareDatabase(databaseDirectUrl, this.#parts.seed, output);
    if (this.#isStopping) return;

    this.#nodes = ports.map((own) => new NodeChild({ ...nodeEnvironment(own, ports, host, environment), output }));
    for (const node of this.#nodes) node.start();
    const isActive = await this.#becomeReady();
    if (this.#isStopping) return;
    for (const node of this.#nodes) node.keepRunning();
    const rows = this.#nodes.map(({ name, url, pid }, index) => ({
      name,
      url,
      pid,
      isActive: isActive[index] ?? false,
    }));
    output.print(banner(rows, demo, isGiven ? null : databaseDirectUrl, auth));
  }

  /** The environment with the embedded PostgreSQL, which runs now, as the database. */
  async #startDatabase(): Promise<Environment> {
    const { environment, dataFolder, fresh, nodes, output } = this.#parts;
    this.#database = new ClusterDatabase({ dataFolder, fresh, nodes, output });
    const url = await this.#database.start();
    return { ...environment, DATABASE_URL: url, DATABASE_DIRECT_URL: undefined };
  }

  /** Waits until every node answers and one is active; answers who is. */
  async #becomeReady(): Promise<boolean[]> {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!this.#isStopping) {
      const ended = this.#nodes.find(({ pid }) => pid === null);
      if (ended) throw new LauncherError(`${ended.name} ended before it was ready: ${ended.lastError}`);
      const health = await Promise.all(this.#nodes.map((node) => node.health()));
      if (health.every((one) => one !== null) && health.some((one) => one?.isActive)) {
        return health.map((one) => one?.isActive ?? false);
      }
      if (Date.now() > deadline) {
        const silent = this.#nodes.filter((_, index) => health[index] === null).map(({ name }) => name);
        const what = silent.length > 0 ? `${silent.join(' and ')} did not answer` : 'no node became active';
        throw new LauncherError(`The cluster is not ready after ${READY_WITHIN_MS / 1000} seconds: ${what}.`);
      }
      await pause(100);
    }
    return [];
  }

  /** Standbys first, so that stopping the active does not make one of them active for a moment; PostgreSQL last. */
  async #stopAll(): Promise<void> {
    this.#isStopping = true;
    const health = await Promise.all(this.#nodes.map((node) => node.health()));
    await Promise.all(this.#nodes.filter((_, index) => !health[index]?.isActive).map((node) => node.stop()));
    await Promise.all(this.#nodes.map((node) => node.stop()));
    await this.#database?.stop();
    if (this.#nodes.length > 0) this.#parts.output.tell('everything is stopped');
  }
}
