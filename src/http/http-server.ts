import http from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Express } from 'express';
import { ConnectionTracker } from './connection-tracker.ts';
import { respondToMalformedTarget, respondToOverdue } from './error-handler.ts';
import { prototypesOf } from './fast-path.ts';
import type { Exchange } from './http-connection.ts';
import { holdContinue } from './request/body/expected-continue.ts';
import { isValidTarget } from './request/target.ts';

/** Longer than load balancers keep an idle connection (commonly 60 s), so that they close it, not this node. */
const KEEP_ALIVE_MS = 75_000;
/** Time limits for a request's headers, and for the whole request: enough for 128 KiB over a slow line. */
const HEADERS_MS = 15_000;
const REQUEST_MS = 30_000;
/** Interval at which Node checks the two limits above. */
const CHECK_MS = 5000;
/** A silent connection is closed after this time, which is longer than any poll, stream or idle connection is silent. */
const SILENT_MS = 120_000;
/** Node's default, set explicitly because it is part of the contract: longer headers get 431. */
const HEADER_BYTES = 16 * 1024;
/** How long pending responses may take when the node stops. */
const CLOSE_LIMIT_MS = 3000;

/** Thrown when a node cannot listen. The message names the setting to change. */
class ListenError extends Error {
  override readonly name = 'ListenError';

  constructor(port: number, host: string, cause: NodeJS.ErrnoException) {
    const isTaken = cause.code === 'EADDRINUSE';
    const advice = isTaken
      ? 'is already in use: stop the other process or set PORT'
      : 'is not available: check PORT and HOST';
    super(`port ${port} on ${host} ${advice} (${cause.code ?? cause.message})`, { cause });
  }
}

/** The HTTP server of a node. */
export class HttpServer {
  readonly #server: http.Server;

  /** `onRequest` is called for each request, before it is handled. */
  constructor(
    app: Express,
    maxConnections: number,
    tracker = new ConnectionTracker(),
    onRequest: () => void = () => {},
  ) {
    const limits = {
      keepAliveTimeout: KEEP_ALIVE_MS,
      headersTimeout: HEADERS_MS,
      requestTimeout: REQUEST_MS,
      connectionsCheckingInterval: CHECK_MS,
      maxHeaderSize: HEADER_BYTES,
      // NODE_OPTIONS must not change it: a lenient parser lets requests be smuggled through a proxy.
      insecureHTTPParser: false,
      // HostCheck responds instead: Node's own 400 has no body.
      requireHostHeader: false,
    };
    this.#server = http.createServer({ ...limits, noDelay: true, ...prototypesOf(app) });
    const handle = ({ request, response }: Exchange) => {
      if (isValidTarget(request.url ?? '')) app(request, response);
      else respondToMalformedTarget(response);
    };
    tracker.serve(this.#server, handle, respondToOverdue);
    // A client that half-closes still waits for its response (`nc -N`). By default Node would close the connection.
    Object.assign(this.#server, { httpAllowHalfOpen: true });
    // Called by close(). Node's own function destroys a connection whose last response is written but not sent yet, and the responses
    // queued behind it. It also leaves connections open that have not sent a request, or whose response ends later.
    this.#server.closeIdleConnections = () => tracker.closeWhenDone();
    this.#server.prependListener('request', onRequest);
    this.#server.on('checkContinue', (request, response) => {
      holdContinue(request, response);
      this.#server.emit('request', request, response);
    });
    // Expectations other than 100-continue are ignored (RFC 9110, 10.1.1). Node's own 417 has no body.
    this.#server.on('checkExpectation', (request, response) => this.#server.emit('request', request, response));
    this.#server.setTimeout(SILENT_MS);
    this.#server.maxConnections = maxConnections;
    // By default Node silently drops every header after the 2,000th, even Host or a token. HEADER_BYTES is the limit instead.
    this.#server.maxHeadersCount = 0;
  }

  /** Listens and returns the port. @throws {ListenError} when the port is not available. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      const refused = (error: NodeJS.ErrnoException) => reject(new ListenError(port, host, error));
      this.#server.once('error', refused);
      this.#server.listen({ port, host, backlog: 4096 }, () => {
        this.#server.off('error', refused);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Stops accepting connections. Closes each once its pending responses are sent, or by force after {@link CLOSE_LIMIT_MS}. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_LIMIT_MS);
    await closed;
    clearTimeout(timer);
  }
}
