import { type Clock, threadClock } from '../async/clock.ts';

/** The work of a node in the last second. Its row in plantao.nodes carries it to the other nodes. */
export interface Load {
  /** Posts that were committed. */
  postsPerSecond: number;
  /** The longest commit of posts, in milliseconds; null if there was none. */
  commitMs: number | null;
  /** The longest time from an event's record to its delivery, in milliseconds; null if there was none. */
  deliveryMs: number | null;
}

/** A shorter interval would count the same posts as a higher rate. */
const MIN_INTERVAL_MS = 500;

/** Counts between two calls of {@link take}, in constant memory. */
export class LoadMeter {
  readonly #clock: Clock;
  #since: number;
  #posts = 0;
  #commitMs: number | null = null;
  #deliveryMs: number | null = null;
  #last: Load = { postsPerSecond: 0, commitMs: null, deliveryMs: null };

  constructor(clock: Clock = threadClock) {
    this.#clock = clock;
    this.#since = clock();
  }

  committed(posts: number, ms: number): void {
    this.#posts += posts;
    this.#commitMs = Math.max(this.#commitMs ?? 0, ms);
  }

  delivered(ageMs: number): void {
    this.#deliveryMs = Math.max(this.#deliveryMs ?? 0, ageMs);
  }

  /** Returns the load since the last call; within {@link MIN_INTERVAL_MS} of that call, its result again. */
  take(): Load {
    const now = this.#clock();
    const elapsed = now - this.#since;
    if (elapsed < MIN_INTERVAL_MS) return this.#last;
    const postsPerSecond = (this.#posts * 1000) / elapsed;
    this.#last = {
      postsPerSecond: Math.round(postsPerSecond * 10) / 10,
      commitMs: rounded(this.#commitMs),
      deliveryMs: rounded(this.#deliveryMs),
    };
    this.#since = now;
    this.#posts = 0;
    this.#commitMs = null;
    this.#deliveryMs = null;
    return this.#last;
  }
}

const rounded = (ms: number | null) => (ms === null ? null : Math.round(ms * 100) / 100);
