import { type Clock, monotonic } from '../clock.ts';

/** What a {@link Lease} is made of. */
export interface LeaseOptions {
  leaseMs: number;
  clock?: Clock;
  /** The memory of a lease that another thread holds; default: memory of its own. */
  memory?: SharedArrayBuffer;
}

/** The cells of a lease's memory: nanoseconds, apart from the term. */
const TERM = 0;
const VALID_UNTIL = 1;
const WORST_DELAY = 2;
const CELLS = 3;

const toNanoseconds = (ms: number) => BigInt(Math.round(ms * 1e6));
const toMs = (nanoseconds: bigint) => Number(nanoseconds) / 1e6;

/**
 * The term that a node holds and the time until which it may act on it. A lease expires by itself: each confirmed
 * heartbeat extends it to the heartbeat's *start* plus the lease, less a tenth for clocks that run at different speeds.
 * PostgreSQL counts the same lease from the *arrival* of that heartbeat, which is later, so a lease always ends before
 * the lock is freed, however slow the answer was and however long this process was stopped.
 *
 * It lies in memory that threads share: one thread writes it, any thread reads it, and a read costs less than a
 * microsecond.
 */
export class Lease {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;
  readonly #clock: Clock;
  readonly #windowMs: number;

  constructor({ leaseMs, clock = monotonic, memory }: LeaseOptions) {
    this.memory = memory ?? new SharedArrayBuffer(CELLS * BigInt64Array.BYTES_PER_ELEMENT);
    this.#cells = new BigInt64Array(this.memory);
    this.#clock = clock;
    this.#windowMs = leaseMs * 0.9;
  }

  /** A term was opened by a statement that was sent at `startedAt`. */
  begin(term: number, startedAt: number): void {
    // In this order, so that no reader takes the last term's time for this one's.
    this.expire();
    Atomics.store(this.#cells, WORST_DELAY, 0n);
    Atomics.store(this.#cells, TERM, BigInt(term));
    this.renew(startedAt);
  }

  /** A heartbeat that was sent at `startedAt` has been confirmed; `delayMs` after it was due. */
  renew(startedAt: number, delayMs = 0): void {
    const until = toNanoseconds(startedAt + this.#windowMs);
    if (until > Atomics.load(this.#cells, VALID_UNTIL)) Atomics.store(this.#cells, VALID_UNTIL, until);
    const delay = toNanoseconds(delayMs);
    if (delay > Atomics.load(this.#cells, WORST_DELAY)) Atomics.store(this.#cells, WORST_DELAY, delay);
  }

  /** Ends the lease and its term at once. */
  expire(): void {
    Atomics.store(this.#cells, VALID_UNTIL, 0n);
    Atomics.store(this.#cells, TERM, 0n);
  }

  /** The term that was begun and has not been expired, also when its time has run out; null where there is none. */
  get claimedTerm(): number | null {
    return Number(Atomics.load(this.#cells, TERM)) || null;
  }

  /** The term that the node may act on now, or null. */
  get term(): number | null {
    for (;;) {
      const { claimedTerm, remainingMs } = this;
      // Begun anew between the two reads: the time may be another term's.
      if (claimedTerm === this.claimedTerm) return remainingMs > 0 ? claimedTerm : null;
    }
  }

  get isValid(): boolean {
    return this.term !== null;
  }

  /** Milliseconds until it expires; 0 when it has. */
  get remainingMs(): number {
    return Math.max(0, toMs(Atomics.load(this.#cells, VALID_UNTIL)) - this.#clock());
  }

  /** The longest time in this term, in milliseconds, from when a heartbeat was due until it was confirmed. */
  get worstDelayMs(): number {
    return toMs(Atomics.load(this.#cells, WORST_DELAY));
  }
}
