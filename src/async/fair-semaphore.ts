/** The queue of a task. Sources are served in turn, and within a source its subjects. */
export interface QueueKey {
  /** A client: its user, or its network. */
  readonly source: string;
  /** What the task works on, such as an account, or the connection of its request. Only one task of each subject of a source runs at a time. */
  readonly subject: string;
}

/** Why a task was rejected: too much is queued for its source or in total, or it has waited too long. */
export type Overload = 'source' | 'all' | 'timeout';

/** The limits of a {@link FairSemaphore}. */
export interface FairSemaphoreLimits {
  /** Maximum number of tasks that run concurrently. */
  concurrency: number;
  /** Maximum number of tasks that wait for one source. */
  queuedPerSource: number;
  /** Maximum number of tasks that wait in total. */
  queued: number;
  /** How long a task may wait, in milliseconds. */
  maxWaitMs: number;
}

interface Waiting extends QueueKey {
  start(): void;
  refuse(why: Overload): void;
}

/** Queued work by subject, the next to be served first. */
type Lane = Map<string, Waiting[]>;

const keyOf = ({ source, subject }: QueueKey) => JSON.stringify([source, subject]);
const sizeOf = (lane: Lane) => [...lane.values()].reduce((size, items) => size + items.length, 0);

/** Returns the largest value. Among equal ones, returns the last, because it is served last. */
function largest<Key, Value>(of: Map<Key, Value>, size: (value: Value) => number): Value | undefined {
  let found: Value | undefined;
  for (const value of of.values()) if (found === undefined || size(value) >= size(found)) found = value;
  return found;
}

/**
 * Runs expensive tasks, a few at a time. Serves sources round robin, and within a source its subjects, so that a client
 * that floods delays only itself. When too much is queued, the newest task of the longest queue is rejected, so that a new
 * client is always admitted.
 */
export class FairSemaphore {
  readonly #limits: FairSemaphoreLimits;
  readonly #overloaded: (why: Overload) => Error;
  /** By source, the next to be served first. */
  readonly #lanes = new Map<string, Lane>();
  readonly #running = new Set<string>();
  #queued = 0;

  /** `overloaded` creates the error for a rejected task. */
  constructor(limits: FairSemaphoreLimits, overloaded: (why: Overload) => Error) {
    this.#limits = limits;
    this.#overloaded = overloaded;
  }

  /** The number of tasks that wait. */
  get queued(): number {
    return this.#queued;
  }

  /**
   * Runs `work` when its turn comes. `onAbandoned` registers what to call once the result is not needed any more: a task that
   * has not started leaves the queue then, and its promise never settles.
   * @throws the error of `overloaded`; the error of `work`.
   */
  async run<T>(key: QueueKey, work: () => Promise<T>, onAbandoned?: (leave: () => void) => void): Promise<T> {
    if (this.#queued === 0 && this.#running.size < this.#limits.concurrency && !this.#running.has(keyOf(key))) {
      this.#running.add(keyOf(key));
    } else {
      await this.#turn(key, onAbandoned);
    }
    try {
      return await work();
    } finally {
      this.#running.delete(keyOf(key));
      this.#startNext();
    }
  }

  #turn(key: QueueKey, onAbandoned?: (leave: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#refuse(waiting, 'timeout'), this.#limits.maxWaitMs);
      const waiting: Waiting = {
        ...key,
        start: () => {
          clearTimeout(timer);
          resolve();
        },
        refuse: (why) => {
          clearTimeout(timer);
          reject(this.#overloaded(why));
        },
      };
      const lane = this.#lanes.get(key.source) ?? new Map<string, Waiting[]>();
      this.#lanes.set(key.source, lane);
      const own = lane.get(key.subject);
      if (own) own.push(waiting);
      else lane.set(key.subject, [waiting]);
      this.#queued += 1;
      onAbandoned?.(() => {
        clearTimeout(timer);
        this.#remove(waiting);
      });
      this.#startNext();
      this.#makeRoom(key.source);
    });
  }

  #startNext(): void {
    while (this.#running.size < this.#limits.concurrency) {
      const next = this.#next();
      if (next === undefined) return;
      this.#remove(next);
      // Moves to the end, so that all others are served first.
      const lane = this.#lanes.get(next.source);
      if (lane) {
        moveToEnd(lane, next.subject);
        moveToEnd(this.#lanes, next.source);
      }
      this.#running.add(keyOf(next));
      next.start();
    }
  }

  #next(): Waiting | undefined {
    for (const lane of this.#lanes.values()) {
      for (const [first] of lane.values()) if (first && !this.#running.has(keyOf(first))) return first;
    }
    return undefined;
  }

  #makeRoom(source: string): void {
    const own = this.#lanes.get(source);
    if (own && sizeOf(own) > this.#limits.queuedPerSource) this.#shorten(own, 'source');
    if (this.#queued <= this.#limits.queued) return;
    const longest = largest(this.#lanes, sizeOf);
    if (longest) this.#shorten(longest, 'all');
  }

  #shorten(lane: Lane, why: Overload): void {
    const newest = largest(lane, (items) => items.length)?.at(-1);
    if (newest) this.#refuse(newest, why);
  }

  #refuse(waiting: Waiting, why: Overload): void {
    this.#remove(waiting);
    waiting.refuse(why);
  }

  #remove(waiting: Waiting): void {
    const lane = this.#lanes.get(waiting.source);
    const items = lane?.get(waiting.subject);
    const at = items?.indexOf(waiting) ?? -1;
    if (!lane || !items || at < 0) return;
    items.splice(at, 1);
    this.#queued -= 1;
    if (items.length === 0) lane.delete(waiting.subject);
    if (lane.size === 0) this.#lanes.delete(waiting.source);
  }
}

function moveToEnd<Key, Value>(of: Map<Key, Value>, key: Key): void {
  const value = of.get(key);
  if (value === undefined) return;
  of.delete(key);
  of.set(key, value);
}
