import type { Clock } from '../../async/clock.ts';

const WINDOW_MS = 1000;
/** More than a dozen nodes send when they all start or stop at once. */
const MAX_IN_WINDOW = 50;

/**
 * Limits how many notifications are handled: any role that may connect can send a hundred thousand in one statement. The others are
 * dropped, which is harmless: the state that they hint at is read from PostgreSQL once a second.
 */
export class SignalLimit {
  readonly #clock: Clock;
  #windowEnd = Number.NEGATIVE_INFINITY;
  #handled = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** Returns true if one more may be handled, and counts it. */
  allows(): boolean {
    const now = this.#clock();
    if (now >= this.#windowEnd) {
      this.#windowEnd = now + WINDOW_MS;
      this.#handled = 0;
    }
    return ++this.#handled <= MAX_IN_WINDOW;
  }
}
