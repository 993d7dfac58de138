import { HttpError, tooManyRequests } from '../http-error.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';

/**
 * Slots of one authenticated user on a node: enough for a handful of devices with a few windows each, or for a program that
 * polls its groups one by one, and far from filling a node. Addresses are not limited: a whole school may share one.
 */
const MAX_PER_USER = 200;

/** Limits the long polls and streams that a node holds, each from its request to its end. */
export class PollSlots {
  readonly #capacity: number;
  readonly #byUser = new Map<number, number>();
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get capacity(): number {
    return this.#capacity;
  }

  get size(): number {
    return this.#size;
  }

  /**
   * Reserves a slot for a request until it is over. `userId` is null if the user is not authenticated.
   * @throws {HttpError} 503 overloaded if all slots are taken, with a random Retry-After so that the clients do not all
   * return at once; 429 if this user has more than a fair share of the slots.
   */
  reserve(lifetime: RequestLifetime, userId: number | null): void {
    if (this.#size >= this.#capacity) {
      throw new HttpError(
        'overloaded',
        'this node holds as many polls as it can: try another node, or try again later',
        {
          headers: { 'Retry-After': String(1 + Math.floor(Math.random() * 4)) },
        },
      );
    }
    if (userId !== null && (this.#byUser.get(userId) ?? 0) >= MAX_PER_USER) {
      throw tooManyRequests(`you already have ${MAX_PER_USER} polls and streams on this node: close some first`, 1000);
    }
    if (lifetime.isOver) return;
    this.#count(userId, 1);
    lifetime.onOver(() => this.#count(userId, -1));
  }

  #count(userId: number | null, one: 1 | -1): void {
    this.#size += one;
    if (userId === null) return;
    const slots = (this.#byUser.get(userId) ?? 0) + one;
    if (slots === 0) this.#byUser.delete(userId);
    else this.#byUser.set(userId, slots);
  }
}
