import type { Response } from 'express';
import { HttpError } from './errors.ts';

/** The long polls and streams that a node holds, from their request to their end, whatever they do meanwhile; bounded. */
export class WaitingRoom {
  readonly #most: number;
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Gives a request its place until its response has ended or its client has left.
   * @throws {HttpError} 503 overloaded where as many wait as may; at random moments after, so that they do not all come back at once.
   */
  enter(response: Response): void {
    if (this.#size >= this.#most) {
      throw new HttpError(503, 'overloaded', 'as many polls wait on this node as it can hold: try another, or later', {
        headers: { 'Retry-After': String(1 + Math.floor(Math.random() * 4)) },
      });
    }
    // A client that left before now gives no sign of it any more.
    if (response.destroyed) return;
    this.#size++;
    response.once('close', () => this.#size--);
  }
}
