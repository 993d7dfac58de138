import { setTimeout as sleep } from 'node:timers/promises';
import { bodyText } from '../../network/body-text.ts';
import { freePort } from '../../network/free-port.ts';
import type { RunHistory } from '../history/run-history.ts';
import { DatabaseLink } from './database-link.ts';
import { NodeProcess, type NodeProcessOptions } from './node-process.ts';
import { startTcpProxy, type TcpProxy } from './tcp-proxy.ts';

/** How often the supervisor checks its process, ms. */
const POLL_MS = 20;
/** Bounds of the delay before an exited node is restarted, as systemd would do it, ms. Its database may be down. */
const RESTART_MS: [number, number] = [200, 600];

/** A start takes two seconds; on an overloaded machine it has taken forty. */
const START_TIMEOUT_MS = 180_000;

/** Thrown when a node exits before it has served for the first time. */
class NodeStartError extends Error {
  override readonly name = 'NodeStartError';
  constructor(node: string, output: string) {
    super(`node ${node} did not start: ${output}`);
  }
}

/** Returns the last message of a node: the text of its last log entry, or its last line if that is not one. */
function lastMessage(lines: readonly string[]): string {
  const line = lines.findLast((one) => one.trim() !== '') ?? 'it printed nothing';
  try {
    const { msg } = JSON.parse(line);
    return typeof msg === 'string' ? msg : line;
  } catch {
    return line;
  }
}

/** Options of a {@link SupervisedNode}. */
export interface SupervisedNodeOptions {
  name: string;
  databaseUrl: string;
  /** DATABASE_DIRECT_URL, if `databaseUrl` names a transaction pooler. */
  directUrl?: string | null;
  leaseMs: number;
  history: RunHistory;
  /** Other settings and the environment of its process. */
  env?: NodeProcessOptions['env'];
  /** Creates its process; default: the node of this package. */
  createProcess?: (options: NodeProcessOptions) => NodeProcess;
}

/**
 * A node process with a supervisor and proxies: it reaches PostgreSQL through `databaseLink`, its peers reach it through
 * `peerProxy`, and clients reach it directly at `url`.
 */
export class SupervisedNode {
  readonly name: string;
  readonly url: string;
  readonly databaseLink: DatabaseLink;
  readonly peerProxy: TcpProxy;
  readonly #options: SupervisedNodeOptions & { port: number };
  #process: NodeProcess | null = null;
  #shouldRun = false;
  #closing = false;
  #hasServed = false;
  /** The last output of a process that exited before the node had ever served. */
  #startFailure: string | null = null;
  #supervision: Promise<void> = Promise.resolve();

  private constructor(
    options: SupervisedNodeOptions & { port: number },
    databaseLink: DatabaseLink,
    peerProxy: TcpProxy,
  ) {
    this.#options = options;
    this.name = options.name;
    this.url = `http://127.0.0.1:${options.port}`;
    this.databaseLink = databaseLink;
    this.peerProxy = peerProxy;
  }

  /** Starts the proxies. Call `start` once the addresses of all peers are known: it starts the process. */
  static async prepare(options: SupervisedNodeOptions): Promise<SupervisedNode> {
    const port = await freePort();
    const databaseLink = await DatabaseLink.open(options.databaseUrl, options.directUrl);
    const peerProxy = await startTcpProxy({ port });
    return new SupervisedNode({ ...options, port }, databaseLink, peerProxy);
  }

  /** The address that its peers use and publish. */
  get peerUrl(): string {
    return `http://127.0.0.1:${this.peerProxy.port}`;
  }

  get lines(): readonly string[] {
    return this.#process?.lines ?? [];
  }

  get isRunning(): boolean {
    return this.#process !== null && this.#process.pid !== null;
  }

  /** Starts the process and its supervision. */
  start(peers: string[], isActive: boolean): void {
    const { name, leaseMs, port, env = {}, createProcess = (options) => new NodeProcess(options) } = this.#options;
    const { url, directUrl } = this.databaseLink.urls;
    this.#process = createProcess({
      databaseUrl: url,
      name,
      port,
      isActive,
      peers,
      env: {
        ...env,
        ...(directUrl === null ? {} : { DATABASE_DIRECT_URL: directUrl }),
        LEASE_MS: String(leaseMs),
        NODE_URL: this.peerUrl,
      },
    });
    this.#shouldRun = true;
    this.#supervision = this.#supervise(this.#process);
  }

  /** Resolves when the node is serving. Rejects after `within` ms with its last output. */
  async waitUntilServing(within = START_TIMEOUT_MS): Promise<void> {
    const deadline = performance.now() + within;
    while (!(await this.#isServing())) {
      if (this.#closing) throw new Error(`${this.name} was stopped`);
      if (this.#startFailure !== null) throw new NodeStartError(this.name, this.#startFailure);
      if (performance.now() > deadline) {
        throw new Error(
          `${this.name} was not serving within ${within} ms; its output:\n${this.lines.slice(-20).join('\n')}`,
        );
      }
      await sleep(POLL_MS);
    }
  }

  /**
   * Stops the node with a signal and keeps it stopped until `release`. Resolves when the process has exited. Records an exit
   * after SIGTERM that is not clean.
   */
  async takeDown(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#shouldRun = false;
    this.#process?.kill(signal);
    const exit = await this.#process?.waitForExit().catch(() => null);
    if (this.isRunning) {
      this.#process?.kill('SIGKILL');
      await this.#process?.waitForExit();
    }
    if (signal === 'SIGTERM' && exit?.code !== 0)
      this.#recordExit(`after SIGTERM: ${exit ? `code ${exit.code}` : 'no exit'}`);
  }

  /** Lets the supervisor restart the node. */
  release(): void {
    this.#shouldRun = true;
  }

  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  /** Kills the process for good. */
  kill(): void {
    this.#shouldRun = false;
    this.#closing = true;
    this.#process?.kill('SIGKILL');
  }

  /** Stops the process (by force if necessary) and the proxies. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#shouldRun = false;
    this.databaseLink.heal();
    await this.#process?.stop().catch(() => undefined);
    await this.#supervision;
    await Promise.all([this.databaseLink.close(), this.peerProxy.close()]);
  }

  async #isServing(): Promise<boolean> {
    try {
      const signal = AbortSignal.timeout(1000);
      const response = await fetch(`${this.url}/liveness`, { signal });
      await bodyText(response, signal);
      return response.ok;
    } catch {
      return false;
    }
  }

  async #supervise(node: NodeProcess): Promise<void> {
    let listeningBefore = 0;
    let hasSpawned = false;
    while (!this.#closing) {
      if (node.pid === null) {
        const hadServed = node.events('listening').length > listeningBefore;
        this.#hasServed ||= hadServed;
        if (hasSpawned && !this.#hasServed) this.#startFailure = lastMessage(this.lines);
        // A failed start is not a violation: the database may be down.
        if (hasSpawned && this.#shouldRun && hadServed) this.#recordExit('without a request');
        if (hasSpawned && this.#shouldRun) await sleep(RESTART_MS[0] + Math.random() * (RESTART_MS[1] - RESTART_MS[0]));
        hasSpawned = false;
        listeningBefore = node.events('listening').length;
        if (this.#shouldRun && !this.#closing) {
          node.spawn();
          hasSpawned = true;
        }
      }
      await sleep(POLL_MS);
    }
  }

  #recordExit(how: string): void {
    const reason = `${how}; last output: ${this.lines.slice(-3).join(' / ')}`;
    this.#options.history.record({
      op: 'death',
      type: 'fail',
      process: this.name,
      node: this.name,
      term: null,
      reason,
    });
  }
}
