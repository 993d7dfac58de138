import type { Request, Response } from 'express';
import { RequestLifetime } from '../request-lifetime.ts';

/** Five hundred of the longest bodies. Clients that send at the speed of their line need far less. */
const MAX_BYTES = 64 * 1024 * 1024;
/** Memory that each piece of a body takes besides its bytes: a client may send them one by one. */
const PIECE_BYTES = 256;

/**
 * The bodies that have arrived in part, and are therefore in memory. A body may take half a minute (http-server.ts): clients that send
 * long ones and never the last byte would otherwise take three gigabytes with all connections of a node.
 */
class UnfinishedBodies {
  readonly #maxBytes: number;
  /** Their bytes, the oldest first. */
  readonly #held = new Map<Request, number>();
  #bytes = 0;

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes;
  }

  /** The bytes of all of them. */
  get bytes(): number {
    return this.#bytes;
  }

  /**
   * Counts a piece of a request's body until {@link release}, or until the request is over. If there are too many bytes,
   * disconnects the clients that have been sending for longest: the bodies of others are complete within milliseconds.
   */
  hold(request: Request, bytes: number): void {
    const lifetime = RequestLifetime.of(request.res as Response);
    if (lifetime.isOver) return;
    const held = this.#held.get(request);
    if (held === undefined) lifetime.onOver(() => this.release(request));
    this.#held.set(request, (held ?? 0) + bytes + PIECE_BYTES);
    this.#bytes += bytes + PIECE_BYTES;
    for (const oldest of this.#held.keys()) {
      if (this.#bytes <= this.#maxBytes) break;
      this.release(oldest);
      oldest.socket.destroy();
    }
  }

  /** Stops counting a body that is complete or refused. */
  release(request: Request): void {
    this.#bytes -= this.#held.get(request) ?? 0;
    this.#held.delete(request);
  }
}

/** The unfinished bodies of this process. */
export const unfinishedBodies = new UnfinishedBodies(MAX_BYTES);
