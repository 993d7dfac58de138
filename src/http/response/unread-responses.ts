import type { ServerResponse } from 'node:http';
import { RequestLifetime } from '../request/request-lifetime.ts';

/** Shorter responses are not counted: what a socket accepts at once is no load on the node. */
const COUNTED_FROM = 64 * 1024;
/** More than a hundred of the longest pages at the same time. Clients that read need far less. */
const MAX_BYTES = 256 * 1024 * 1024;

/**
 * The long responses that their clients have not read yet: they are in memory until then. A client may take forty seconds to read
 * one (http/http-connection.ts), so clients that request pages and read none could fill a gigabyte with forty connections.
 */
export class UnreadResponses {
  readonly #maxBytes: number;
  /** The bytes of each response, the oldest response first. */
  readonly #held = new Map<ServerResponse, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The bytes of all unread responses. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Counts a response of this length until it has been read, or its connection has closed. If there are too many bytes,
   * disconnects the clients that have been reading for longest.
   */
  hold(response: ServerResponse, bytes: number): void {
    if (bytes < COUNTED_FROM) return;
    this.#held.set(response, bytes);
    this.#bytes += bytes;
    RequestLifetime.of(response).onOver(() => this.#release(response));
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#maxBytes || oldest === response) break;
      this.#release(oldest);
      oldest.req.socket.destroy();
    }
  }

  #release(response: ServerResponse): void {
    this.#bytes -= this.#held.get(response) ?? 0;
    this.#held.delete(response);
  }
}

/** The unread responses of this process. */
export const unreadResponses = new UnreadResponses(MAX_BYTES);
