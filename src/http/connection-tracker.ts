import type http from 'node:http';
import type { Socket } from 'node:net';
import { type Exchange, HttpConnection } from './http-connection.ts';
import { HttpError } from './http-error.ts';
import { TurnBudget } from './turn-budget.ts';

/** Interval of the search for overdue responses. */
const SWEEP_MS = 5000;

/** The responses to data that is not a valid request, by Node's error code. */
const refusals: Record<string, HttpError> = {
  HPE_HEADER_OVERFLOW: new HttpError('headers_too_large', 'the URL and the headers are too large'),
  HPE_CHUNK_EXTENSIONS_OVERFLOW: new HttpError('too_large', 'the chunk extensions are too large'),
  ERR_HTTP_REQUEST_TIMEOUT: new HttpError('request_timeout', 'the request took too long to arrive'),
};
const BROKEN = new HttpError('invalid_request', 'this is not a valid HTTP request');

/** While all connections are taken, idle ones are closed in steps: at this interval, at most this share of all connections. */
const EVICT_EVERY_MS = 50;
const EVICTED_SHARE = 0.02;
/**
 * Only connections that are idle for this long are closed: a peer probes once a second over one, and the first request on a new one
 * may be under way.
 */
const EVICTED_AFTER_MS = 3000;

/** Tracks the connections of a node and their requests. */
export class ConnectionTracker {
  readonly #onFull: () => void;
  /** The longest unused first. */
  readonly #connections = new Map<Socket, HttpConnection>();
  readonly #turns = new TurnBudget();
  #requests = 0;
  #isClosing = false;
  #sweep: NodeJS.Timeout | undefined;
  #evictedAt = Number.NEGATIVE_INFINITY;

  /** `onFull` is called for each connection that is refused because there are as many as the server accepts. */
  constructor(onFull: () => void = () => {}) {
    this.#onFull = onFull;
  }

  /** The number of requests that wait for their response. */
  get requests(): number {
    return this.#requests;
  }

  /** The number of open client connections. */
  get connections(): number {
    return this.#connections.size;
  }

  /** Passes each request of `server` to `handle` in order, and each overdue one to `onOverdue`. */
  serve(server: http.Server, handle: (exchange: Exchange) => void, onOverdue: (exchange: Exchange) => void): void {
    const events = {
      handle,
      onCount: (change: number) => {
        this.#requests += change;
      },
    };
    server.on('connection', (socket: Socket) => {
      const connection = new HttpConnection(socket, events, this.#turns);
      this.#connections.set(socket, connection);
      socket.once('close', () => this.#connections.delete(socket));
      if (this.#isClosing) connection.closeWhenDone();
    });
    server.on('request', (request, response) => {
      const connection = this.#connections.get(request.socket);
      if (!connection) return;
      this.#connections.delete(request.socket);
      this.#connections.set(request.socket, connection);
      connection.admit(request, response);
    });
    server.on('drop', () => {
      this.#onFull();
      this.#evictIdle();
    });
    // Without a listener Node closes the connection without a response. This node is no proxy.
    server.on('connect', (_request, socket) => this.#refuse(new Error('CONNECT'), socket as Socket));
    server.on('clientError', (error: NodeJS.ErrnoException, socket) => this.#refuse(error, socket as Socket));
    server.on('listening', () => {
      this.#sweep = setInterval(() => {
        const now = performance.now();
        for (const connection of this.#connections.values()) connection.overdue(now).forEach(onOverdue);
      }, SWEEP_MS);
    });
    server.on('close', () => clearInterval(this.#sweep));
  }

  /** Closes each connection once its requests have their responses. */
  closeWhenDone(): void {
    this.#isClosing = true;
    for (const connection of this.#connections.values()) connection.closeWhenDone();
  }

  /** Closes some idle connections: clients that keep connections without using them must not keep out those that have requests. */
  #evictIdle(): void {
    const now = performance.now();
    if (now - this.#evictedAt < EVICT_EVERY_MS) return;
    this.#evictedAt = now;
    let count = Math.ceil(this.#connections.size * EVICTED_SHARE);
    for (const connection of this.#connections.values()) {
      if (count === 0) return;
      if (connection.idleMs < EVICTED_AFTER_MS) continue;
      count--;
      connection.closeWhenDone();
    }
  }

  #refuse(error: NodeJS.ErrnoException, socket: Socket): void {
    const connection = this.#connections.get(socket);
    if (error.code === 'ECONNRESET' || !socket.writable || !connection) return void socket.destroy(error);
    const { status, body } = refusals[error.code ?? ''] ?? BROKEN;
    connection.refuse(status, JSON.stringify(body));
  }
}
