import { setTimeout as pause } from 'node:timers/promises';
import { freePort } from '../support/free-port.ts';
import { NodeProcess } from '../support/node-process.ts';
import { startTcpProxy, type TcpProxy } from '../support/tcp-proxy.ts';
import type { History } from './history.ts';

/** How often the supervisor looks after its process, ms. */
const LOOK_MS = 20;
/** A node that could not start (its database is away, say) is started again after so long, ms: as systemd would. */
const RESTART_MS: [number, number] = [200, 600];

/** A start takes two seconds; on a machine where everything else runs too it has taken forty. */
const SERVES_WITHIN_MS = 180_000;

/** Where a {@link SupervisedNode} goes. */
export interface SupervisedNodeOptions {
  name: string;
  databaseUrl: string;
  leaseMs: number;
  history: History;
}

/**
 * A node with a proxy on each of its cables and somebody who keeps it running: `link` lies between it and Postgres, its
 * peers reach it through `door` alone, clients come straight to `url`.
 */
export class SupervisedNode {
  readonly name: string;
  readonly url: string;
  readonly link: TcpProxy;
  readonly door: TcpProxy;
  readonly #options: SupervisedNodeOptions & { port: number };
  #process: NodeProcess | null = null;
  #wanted = false;
  #closing = false;
  #keeping: Promise<void> = Promise.resolve();

  private constructor(options: SupervisedNodeOptions & { port: number }, link: TcpProxy, door: TcpProxy) {
    this.#options = options;
    this.name = options.name;
    this.url = `http://127.0.0.1:${options.port}`;
    this.link = link;
    this.door = door;
  }

  /** Lays the cables; the process is started by `begin`, when all doors are known. */
  static async prepare(options: SupervisedNodeOptions): Promise<SupervisedNode> {
    const port = await freePort();
    const link = await startTcpProxy({ port: Number(new URL(options.databaseUrl).port) });
    const door = await startTcpProxy({ port });
    return new SupervisedNode({ ...options, port }, link, door);
  }

  /** How its peers, and whoever follows their word, reach it. */
  get doorUrl(): string {
    return `http://127.0.0.1:${this.door.port}`;
  }

  get lines(): readonly string[] {
    return this.#process?.lines ?? [];
  }

  get isRunning(): boolean {
    return this.#process !== null && this.#process.pid !== null;
  }

  /** Starts the process and its supervision; `listens` tells when it serves. */
  begin(peers: string[], isActive: boolean): void {
    const { name, databaseUrl, leaseMs, port } = this.#options;
    this.#process = new NodeProcess({
      databaseUrl: this.link.via(databaseUrl),
      name,
      port,
      isActive,
      peers,
      env: { LEASE_MS: String(leaseMs), NODE_URL: this.doorUrl },
    });
    this.#wanted = true;
    this.#keeping = this.#keep(this.#process);
  }

  /** Resolves when it serves. Fails after `within` ms with what it said last. */
  async listens(within = SERVES_WITHIN_MS): Promise<void> {
    const deadline = performance.now() + within;
    while (!(await this.#answers())) {
      if (performance.now() > deadline) {
        throw new Error(
          `${this.name} did not serve within ${within} ms; it said:\n${this.lines.slice(-20).join('\n')}`,
        );
      }
      await pause(LOOK_MS);
    }
  }

  /**
   * Takes it down with a signal and holds it down until `release`. Resolves when the process is gone. One that does not
   * end in order when it is asked to has its death recorded.
   */
  async down(signal: 'SIGKILL' | 'SIGTERM'): Promise<void> {
    this.#wanted = false;
    this.#process?.kill(signal);
    const exit = await this.#process?.waitForExit().catch(() => null);
    if (this.isRunning) {
      this.#process?.kill('SIGKILL');
      await this.#process?.waitForExit();
    }
    if (signal === 'SIGTERM' && exit?.code !== 0) this.#died(`after SIGTERM: ${exit ? `code ${exit.code}` : 'no end'}`);
  }

  /** Lets the supervisor start it again. */
  release(): void {
    this.#wanted = true;
  }

  freeze(): void {
    this.#process?.freeze();
  }

  thaw(): void {
    this.#process?.thaw();
  }

  /** Ends the process (in order, else by force) and the proxies. */
  async close(): Promise<void> {
    this.#closing = true;
    this.#wanted = false;
    this.link.heal();
    await this.#process?.stop().catch(() => undefined);
    await this.#keeping;
    await Promise.all([this.link.close(), this.door.close()]);
  }

  async #answers(): Promise<boolean> {
    try {
      const answer = await fetch(`${this.url}/liveness`, { signal: AbortSignal.timeout(1000) });
      await answer.arrayBuffer();
      return answer.ok;
    } catch {
      return false;
    }
  }

  async #keep(node: NodeProcess): Promise<void> {
    let served = 0;
    let ran = false;
    while (!this.#closing) {
      if (node.pid === null) {
        const hadServed = node.events('listening').length > served;
        // One that could not even start is no violation: the database may be away just now.
        if (ran && this.#wanted && hadServed) this.#died('unasked');
        if (ran && this.#wanted) await pause(RESTART_MS[0] + Math.random() * (RESTART_MS[1] - RESTART_MS[0]));
        ran = false;
        served = node.events('listening').length;
        if (this.#wanted && !this.#closing) {
          node.spawn();
          ran = true;
        }
      }
      await pause(LOOK_MS);
    }
  }

  #died(how: string): void {
    const reason = `${how}; it said: ${this.lines.slice(-3).join(' / ')}`;
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
