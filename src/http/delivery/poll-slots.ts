import { HttpError, tooManyRequests } from '../http-error.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';

/**
 * Places of one user on a node, where users are known: a handful of devices with some windows each, or a program that
 * waits on its groups one by one, and far from filling a node. Addresses have no share: a whole school may be one.
 */
const MOST_OF_A_USER = 200;

/** The long polls and streams that a node holds, from their request to their end, whatever they do meanwhile; bounded. */
export class PollSlots {
  readonly #most: number;
  readonly #ofUser = new Map<number, number>();
  #size = 0;

  constructor(most: number) {
    this.#most = most;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Gives a request its place until it is over. `userId` is null where nobody knows.
   * @throws {HttpError} 503 overloaded where as many wait as may; at random moments after, so that they do not all come
   * back at once; 429 where this user has more than a fair share of the places.
   */
  reserve(lifetime: RequestLifetime, userId: number | null): void {
    if (this.#size >= this.#most) {
      throw new HttpError(503, 'overloaded', 'as many polls wait on this node as it can hold: try another, or later', {
        headers: { 'Retry-After': String(1 + Math.floor(Math.random() * 4)) },
      });
    }
    if (userId !== null && (this.#ofUser.get(userId) ?? 0) >= MOST_OF_A_USER) {
      throw tooManyRequests(`${MOST_OF_A_USER} polls and streams of yours wait on this node already`, 1000);
    }
    if (lifetime.isOver) return;
    this.#count(userId, 1);
    lifetime.onOver(() => this.#count(userId, -1));
  }

  #count(userId: number | null, one: 1 | -1): void {
    this.#size += one;
    if (userId === null) return;
    const places = (this.#ofUser.get(userId) ?? 0) + one;
    if (places === 0) this.#ofUser.delete(userId);
    else this.#ofUser.set(userId, places);
  }
}
