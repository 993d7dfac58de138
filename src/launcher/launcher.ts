import { setTimeout as pause } from 'node:timers/promises';
import { banner } from './banner.ts';
import { ClusterDatabase, prepareDatabase } from './cluster-database.ts';
import type { Diary } from './diary.ts';
import { LauncherError } from './launcher-error.ts';
import { NodeChild } from './node-child.ts';
import type { LauncherOptions } from './options.ts';
import { requireFreePorts } from './ports.ts';

type Environment = Record<string, string | undefined>;

/** What a {@link Launcher} is given beside the command line. */
export interface LauncherParts extends LauncherOptions {
  environment: Environment;
  /** Throws, in sentences, where a node would refuse to start in this environment. */
  check: (environment: Environment) => { host: string; databaseDirectUrl: string };
  /** Adds the demo data, where they are not yet. */
  seed: (databaseUrl: string) => Promise<unknown>;
  dataFolder: string;
  diary: Diary;
}

/** Nodes compile their sources at each start, several at once on a machine with few cores. */
const READY_WITHIN_MS = 60_000;

/** A PostgreSQL and its nodes, from the first check to the last stop. */
export class Launcher {
  readonly #parts: LauncherParts;
  readonly #stopAsked = Promise.withResolvers<void>();
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
      if (!this.#isStopping) await this.#stopAsked.promise;
    } finally {
      await this.#stopAll();
    }
  }

  /** Asks for the orderly end; {@link run} resolves when it is done. */
  stop(): void {
    if (this.#isStopping) return;
    this.#isStopping = true;
    this.#parts.diary.tell('stopping: the nodes, then PostgreSQL (Ctrl-C again to force it)');
    this.#stopAsked.resolve();
  }

  /** The end without order: kill -9 for the nodes, a crash for PostgreSQL, which its next start repairs. */
  kill(): void {
    for (const node of this.#nodes) node.kill();
    void this.#database?.stop('immediate');
  }

  async #start(): Promise<void> {
    const { environment, nodes: count, fresh, diary, dataFolder } = this.#parts;
    const isGiven = Boolean(environment.DATABASE_URL?.trim() || environment.DB_NAME?.trim());
    if (isGiven && fresh) {
      throw new LauncherError(
        '--fresh throws away the data of the embedded PostgreSQL only, and another database is set.',
      );
    }
    // Wrong settings are found before anything runs; the URL is not known yet where there is none.
    const { host } = this.#parts.check({ DATABASE_URL: isGiven ? undefined : 'postgres://localhost/', ...environment });
    const ports = Array.from({ length: count }, (_, index) => this.#parts.port + index);
    await requireFreePorts(host, ports);

    if (!isGiven) {
      this.#database = new ClusterDatabase({ dataFolder, fresh, nodes: count, diary });
      const url = await this.#database.start();
      Object.assign(environment, { DATABASE_URL: url, DATABASE_DIRECT_URL: undefined });
    }
    const { databaseDirectUrl } = this.#parts.check(environment);
    const demo = await prepareDatabase(databaseDirectUrl, this.#parts.seed, diary);
    if (this.#isStopping) return;

    this.#nodes = ports.map((port) => this.#node(port, ports, host));
    for (const node of this.#nodes) node.start();
    const states = await this.#becomeReady();
    if (this.#isStopping) return;
    for (const node of this.#nodes) node.keepRunning();
    const rows = this.#nodes.map(({ name, url, pid }, index) => ({ name, url, pid, isActive: states[index] ?? false }));
    diary.print(banner(rows, demo, isGiven ? null : databaseDirectUrl));
  }

  #node(port: number, ports: number[], host: string): NodeChild {
    const { environment, diary } = this.#parts;
    const urlOf = (one: number) => `http://localhost:${one}`;
    const name = `node-${port}`;
    const isFirst = port === ports[0];
    return new NodeChild({
      name,
      url: urlOf(port),
      // The wildcard is an address to listen on and none to call.
      probeUrl: `http://${host === '0.0.0.0' ? '127.0.0.1' : host.includes(':') ? `[${host === '::' ? '::1' : host}]` : host}:${port}`,
      diary,
      env: {
        LOG_FORMAT: 'pretty',
        ...environment,
        PORT: String(port),
        NODE_NAME: name,
        NODE_URL: urlOf(port),
        IS_ACTIVE: String(isFirst),
        IS_PRIMARY: isFirst ? environment.IS_PRIMARY : undefined,
        PEER_URL: ports
          .filter((other) => other !== port)
          .map(urlOf)
          .join(','),
        PLANTAO_NO_DOTENV: '1',
      },
    });
  }

  /** Waits until every node answers and one is active; answers who is. */
  async #becomeReady(): Promise<boolean[]> {
    const deadline = Date.now() + READY_WITHIN_MS;
    while (!this.#isStopping) {
      const ended = this.#nodes.find(({ pid }) => pid === null);
      if (ended)
        throw new LauncherError(`${ended.name} ended before it was ready: ${ended.lastError || 'it said nothing'}`);
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
    if (this.#nodes.length > 0) this.#parts.diary.tell('everything is stopped');
  }
}
