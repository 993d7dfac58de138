/** A clock in milliseconds that only goes forward; wall clocks jump. Injected so that tests can turn it. */
export type Clock = () => number;

/** The process's monotonic clock. */
export const monotonic: Clock = () => performance.now();

/**
 * A node's belief that it holds the leader lock. It runs out by itself: each confirmed heartbeat extends it to the
 * heartbeat's *start* plus the lease, less a tenth for clocks that run at different speeds. PostgreSQL counts the same
 * lease from the *arrival* of that heartbeat, which is later, so belief always ends before the lock is freed, however
 * slow the answer was and however long this process was stopped.
 */
export class Belief {
  readonly #clock: Clock;
  readonly #windowMs: number;
  #until = Number.NEGATIVE_INFINITY;

  constructor(leaseMs: number, clock: Clock = monotonic) {
    this.#clock = clock;
    this.#windowMs = leaseMs * 0.9;
  }

  /** A heartbeat that was sent at `startedAt` has been confirmed. */
  confirm(startedAt: number): void {
    this.#until = Math.max(this.#until, startedAt + this.#windowMs);
  }

  /** Gives the belief up at once. */
  drop(): void {
    this.#until = Number.NEGATIVE_INFINITY;
  }

  get holds(): boolean {
    return this.#clock() < this.#until;
  }

  /** Milliseconds of belief left; 0 when it has run out. */
  get remainingMs(): number {
    return Math.max(0, this.#until - this.#clock());
  }
}
