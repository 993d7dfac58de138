import { type Clock, monotonic } from '../../async/clock.ts';

/** Options of a {@link Lease}. */
export interface LeaseOptions {
  leaseMs: number;
  clock?: Clock;
  /** The memory of a lease that another thread writes; default: memory of its own. */
  memory?: SharedArrayBuffer;
}

/** The cells of a lease's memory: the term is a number, the others are nanoseconds. */
const TERM = 0;
const VALID_UNTIL = 1;
const WORST_DELAY = 2;
const CELLS = 3;

const toNanoseconds = (ms: number) => BigInt(Math.round(ms * 1e6));
const toMs = (nanoseconds: bigint) => Number(nanoseconds) / 1e6;

/**
 * The term that a node holds and the time until which it may act on it. A lease expires by itself: each confirmed
 * heartbeat extends it to the heartbeat's *start* plus the lease, less a tenth for clocks that run at different speeds.
 * PostgreSQL counts the same lease from the *arrival* of that heartbeat, which is later. So a lease always ends before the
 * lock is freed, however slow the reply was and however long this process was stopped.
 *
 * It is stored in memory that threads share: one thread writes it, any thread reads it, and a read costs less than a
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

  /** Begins the lease of a term that was opened by a statement sent at `startedAt`. */
  begin(term: number, startedAt: number): void {
    // In this order, so that no reader combines the new term with the time of the last one.
    this.expire();
    Atomics.store(this.#cells, WORST_DELAY, 0n);
    Atomics.store(this.#cells, TERM, BigInt(term));
    this.renew(startedAt);
  }

  /** Extends the lease: a heartbeat sent at `startedAt` was confirmed, `delayMs` after it was due. */
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

  /** The term that began and was not ended, even if its time has run out; null if there is none. */
  get heldTerm(): number | null {
    return Number(Atomics.load(this.#cells, TERM)) || null;
  }

  /** The time until which the node may act on `term`, by the monotonic clock; 0 if the node does not hold that term. */
  validUntil(term: number): number {
    if (this.heldTerm !== term) return 0;
    const until = toMs(Atomics.load(this.#cells, VALID_UNTIL));
    // Another term may have begun between the two reads; the time would then belong to that one.
    return this.heldTerm === term ? until : 0;
  }

  /** Returns true while the node may act on `term`. With `doubtedAt`, only a heartbeat sent after that time counts. */
  isValid(term: number, doubtedAt = Number.NEGATIVE_INFINITY): boolean {
    const until = this.validUntil(term);
    return this.#clock() < until && until - this.#windowMs > doubtedAt;
  }

  /** The time by the clock of this lease. */
  now(): number {
    return this.#clock();
  }

  /** The longest time in this term, in milliseconds, from when a heartbeat was due until it was confirmed. */
  get worstDelayMs(): number {
    return toMs(Atomics.load(this.#cells, WORST_DELAY));
  }
}
