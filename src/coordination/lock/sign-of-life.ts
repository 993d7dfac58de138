import { type Clock, monotonic } from '../clock.ts';

/** When a thread was last seen at work, in memory that threads share: it gives signs, others read how old the last is. */
export class SignOfLife {
  readonly memory: SharedArrayBuffer;
  readonly #cells: BigInt64Array;
  readonly #clock: Clock;

  constructor(memory = new SharedArrayBuffer(BigInt64Array.BYTES_PER_ELEMENT), clock: Clock = monotonic) {
    this.memory = memory;
    this.#cells = new BigInt64Array(memory);
    this.#clock = clock;
  }

  /** The calling thread is at work. Cheap enough for every request. */
  give(): void {
    Atomics.store(this.#cells, 0, BigInt(Math.round(this.#clock() * 1e6)));
  }

  /** When the last sign was given, by the clock. */
  get lastAt(): number {
    return Number(Atomics.load(this.#cells, 0)) / 1e6;
  }

  /** Milliseconds since the last sign. */
  get ageMs(): number {
    return this.#clock() - this.lastAt;
  }
}

const SHORTEST_MS = 5000;
const LONGEST_MS = 15_000;

/**
 * For how long a node's main thread may give no sign of life before the node gives up the leader lock: three leases,
 * at least 5 s. Each request is a sign, so a crowd of them is none of its reasons; a collection of all garbage, a
 * debugger's short stop or a machine that swaps are over by then. What lasts longer is an endless loop. More than 15 s
 * only where the lease itself is longer: its operator has accepted that a frozen node keeps the lock for so long.
 */
export const longestSilenceMs = (leaseMs: number) => Math.max(leaseMs, SHORTEST_MS, Math.min(3 * leaseMs, LONGEST_MS));
