import type { RequestListener } from 'node:http';
import http from 'node:http';
import type { AddressInfo } from 'node:net';

/** Longer than load balancers keep an idle connection (60 s by common default), so that they close it and not we. */
const KEEP_ALIVE_MS = 75_000;
/** A request's headers, then the whole of it, must be here by then: slow clients hold nothing for longer. */
const HEADERS_MS = 80_000;
const REQUEST_MS = 90_000;
/** Answers under way get this long when the node stops. */
const CLOSE_LIMIT_MS = 3000;

/** The HTTP server of a node. */
export class Server {
  readonly #server: http.Server;

  constructor(listener: RequestListener, mostConnections: number) {
    this.#server = http.createServer(
      { keepAliveTimeout: KEEP_ALIVE_MS, headersTimeout: HEADERS_MS, requestTimeout: REQUEST_MS, noDelay: true },
      listener,
    );
    this.#server.maxConnections = mostConnections;
  }

  /** Listens and answers the port. @throws the system's error, EADDRINUSE among them. */
  listen(port: number, host: string): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen({ port, host, backlog: 4096 }, () => {
        this.#server.off('error', reject);
        resolve((this.#server.address() as AddressInfo).port);
      });
    });
  }

  /** Takes no new connection, lets the answers under way finish, then closes what is left. */
  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
    this.#server.closeIdleConnections();
    const timer = setTimeout(() => this.#server.closeAllConnections(), CLOSE_LIMIT_MS);
    await closed;
    clearTimeout(timer);
  }
}
