import { type Clock, monotonic } from '../../async/clock.ts';

/** The time at which a thread was last running, in memory that threads share: that thread stamps it, others read its age. */
export class LivenessStamp {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;
  readonly #clock: Clock;

  constructor(memory = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT), clock: Clock = monotonic) {
    this.memory = memory;
    this.#cells = new BigInt64Array(memory);
    this.#clock = clock;
  }

  /** Records that the calling thread is running. Cheap enough for every request. */
  touch(): void {
    Atomics.store(this.#cells, 0, BigInt(Math.round(this.#clock() * 1e6)));
  }

  /** The time of the last stamp, by the clock. */
  get lastAt(): number {
    return Number(Atomics.load(this.#cells, 0)) / 1e6;
  }

  /** Milliseconds since the last stamp. */
  get ageMs(): number {
    return this.#clock() - this.lastAt;
  }
}

const MIN_SILENCE_MS = 5000;
const MAX_SILENCE_MS = 15_000;

/**
 * Returns how long a node's main thread may be silent before the node gives up the leader lock: three leases, at least
 * 5 s. Each request stamps it, so a burst of requests does not look like silence. A full garbage collection, a short stop in a
 * debugger or a burst of swapping ends before that; anything longer is an endless loop. The limit exceeds 15 s only if the lease
 * does: by setting it, the operator has accepted that a frozen node keeps the lock for so long.
 */
export const maxSilenceMs = (leaseMs: number) =>
  Math.max(leaseMs, MIN_SILENCE_MS, Math.min(3 * leaseMs, MAX_SILENCE_MS));
