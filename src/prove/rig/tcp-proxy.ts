import { once } from 'node:events';
import { connect, createServer, type LookupFunction, type Server, type Socket } from 'node:net';

/** `up` is from the client to the target, `down` from the target to the client. */
export type Direction = 'up' | 'down';

/** The server behind a {@link TcpProxy}. */
export type TcpProxyTarget =
  | {
      port: number;
      /** Default 127.0.0.1. */
      host?: string;
      /** Resolves the host; default: the system. */
      lookup?: LookupFunction;
    }
  | {
      /** A Unix socket. */
      path: string;
    };

interface Pair {
  client: Socket;
  target: Socket;
  /** The first bytes of the client: a session of PostgreSQL sends its application_name there. */
  opening: string;
}

/**
 * A TCP proxy in front of PostgreSQL or a node, on its own port. It forwards until a fault makes it swallow, delay or cut. Its
 * creator must close it.
 */
export class TcpProxy {
  readonly #server: Server;
  #target: TcpProxyTarget;
  readonly #pairs = new Set<Pair>();
  readonly #timers = new Set<NodeJS.Timeout>();
  /** The pairs that have lost bytes to {@link swallow}. */
  readonly #damaged = new WeakSet<Pair>();
  #swallowing = new Set<Direction>();
  #applicationName = '';
  #refusing = false;
  #latency = 0;
  #isStalled = false;

  constructor(target: TcpProxyTarget) {
    this.#target = target;
    this.#server = createServer({ allowHalfOpen: true }, (client) => this.#accept(client));
  }

  /** Starts to listen on a free port of 127.0.0.1 and returns the port. */
  async listen(): Promise<number> {
    this.#server.listen(0, '127.0.0.1');
    await once(this.#server, 'listening');
    return this.port;
  }

  /** Forwards new connections to `target` from now on, and resets the open ones. */
  pointAt(target: TcpProxyTarget): void {
    this.#target = target;
    this.dropConnections();
  }

  /** Forwards new connections to `target` from now on, and leaves the open ones as they are, as when a DNS name changes. */
  redirect(target: TcpProxyTarget): void {
    this.#target = target;
  }

  /** The number of bytes swallowed so far. */
  swallowedBytes = 0;

  /** True while bytes are swallowed, held back or delayed, so that one side learns late or never what the other does. */
  get isDisturbed(): boolean {
    return this.#swallowing.size > 0 || this.#latency > 0 || this.#isStalled;
  }

  /** The port that clients connect to. */
  get port(): number {
    const address = this.#server.address();
    if (address === null || typeof address === 'string') throw new Error('the proxy does not listen');
    return address.port;
  }

  /** The number of open connections. */
  get connections(): number {
    return this.#pairs.size;
  }

  /** Returns `url` with the address of this proxy. */
  via(url: string): string {
    const changed = new URL(url);
    changed.hostname = '127.0.0.1';
    changed.port = String(this.port);
    return changed.toString();
  }

  /**
   * Keeps connections open, accepts new ones, and forwards nothing in `direction` (default: both): half-open, as when a cable
   * is cut or a peer's kernel is frozen. Swallowed bytes are lost, so {@link heal} resets the connections that lost some, as
   * TCP itself would. With `applicationName`, only for sessions whose application_name contains it.
   */
  swallow(direction: Direction | 'both' = 'both', { applicationName = '' }: { applicationName?: string } = {}): void {
    this.#swallowing = new Set(direction === 'both' ? ['up', 'down'] : [direction]);
    this.#applicationName = applicationName;
  }

  /** Resets every connection and refuses new ones until {@link heal}. */
  cut(): void {
    this.#refusing = true;
    this.dropConnections();
  }

  /** Resets every connection; new ones pass. */
  dropConnections(): void {
    for (const pair of this.#pairs) this.#reset(pair);
  }

  /** Delays each direction by `ms`, and keeps the order. */
  setLatency(ms: number): void {
    this.#latency = ms;
  }

  /** Holds back all bytes of open and new connections until {@link heal}: nothing is lost, as on a link that recovers. */
  stall(): void {
    this.#isStalled = true;
    for (const { client, target } of this.#pairs) for (const socket of [client, target]) socket.pause();
  }

  /** Forwards again. Resets the connections that lost bytes to {@link swallow}. */
  heal(): void {
    this.#refusing = false;
    this.#latency = 0;
    this.#swallowing.clear();
    if (this.#isStalled)
      for (const { client, target } of this.#pairs) for (const socket of [client, target]) socket.resume();
    this.#isStalled = false;
    for (const pair of this.#pairs) if (this.#damaged.has(pair)) this.#reset(pair);
  }

  /** Ends every connection and stops listening. */
  async close(): Promise<void> {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.dropConnections();
    if (!this.#server.listening) return;
    this.#server.close();
    await once(this.#server, 'close');
  }

  #accept(client: Socket): void {
    if (this.#refusing) {
      reset(client);
      return;
    }
    const to = 'path' in this.#target ? this.#target : { host: '127.0.0.1', ...this.#target };
    const target = connect({ ...to, allowHalfOpen: true, noDelay: true });
    client.setNoDelay(true);
    const pair = { client, target, opening: '' };
    client.once('data', (chunk: Buffer) => {
      pair.opening = chunk.toString('latin1');
    });
    this.#pairs.add(pair);
    this.#forward(pair, 'up', client, target);
    this.#forward(pair, 'down', target, client);
    if (this.#isStalled) for (const socket of [client, target]) socket.pause();
  }

  #forward(pair: Pair, direction: Direction, from: Socket, to: Socket): void {
    let lastDue = 0;
    const pass = (bytes: number, action: () => void) => {
      // After the bytes that were delayed before, even if the latency has been lowered since.
      lastDue = Math.max(lastDue, performance.now() + this.#latency);
      this.#after(lastDue - performance.now(), () => {
        if (!this.#swallowing.has(direction) || !pair.opening.includes(this.#applicationName)) action();
        else {
          this.#damaged.add(pair);
          this.swallowedBytes += bytes;
        }
      });
    };
    from.on('data', (chunk) =>
      pass(chunk.length, () => {
        if (!to.writable || to.write(chunk)) return;
        from.pause();
        to.once('drain', () => {
          if (!this.#isStalled) from.resume();
        });
      }),
    );
    from.on('end', () => pass(0, () => to.end()));
    // 'close' follows.
    from.on('error', () => undefined);
    from.on('close', (broken) => pass(0, () => (broken ? this.#reset(pair) : this.#closeRest(pair, to))));
  }

  #after(ms: number, action: () => void): void {
    if (ms <= 0) {
      action();
      return;
    }
    const timer = setTimeout(() => {
      this.#timers.delete(timer);
      action();
    }, ms);
    this.#timers.add(timer);
  }

  /** Closes the other side after one side has closed: it gets the bytes that are still on their way to it, then the end. */
  #closeRest(pair: Pair, rest: Socket): void {
    if (rest.destroyed) this.#pairs.delete(pair);
    else rest.destroySoon();
  }

  #reset(pair: Pair): void {
    this.#pairs.delete(pair);
    for (const socket of [pair.client, pair.target]) reset(socket);
  }
}

/**
 * Resets a socket. Closes one whose end is being sent instead: Node.js cannot reset it, but emits an error and leaks the handle.
 */
function reset(socket: Socket): void {
  if (socket.destroyed) return;
  if (socket.writableEnded && !socket.writableFinished) socket.destroy();
  else socket.resetAndDestroy();
}

/** Starts a {@link TcpProxy}. */
export async function startTcpProxy(target: TcpProxyTarget): Promise<TcpProxy> {
  const proxy = new TcpProxy(target);
  await proxy.listen();
  return proxy;
}
