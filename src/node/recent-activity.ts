import { type Clock, threadClock } from '../async/clock.ts';
import type { Load } from '../measurements/load-meter.ts';

/** The figures of one node, one entry for each interval, oldest first; null where the node wrote no row. */
export interface NodeActivity {
  node: string;
  posts_per_second: (number | null)[];
  waiters: (number | null)[];
  commit_ms: (number | null)[];
  delivery_ms: (number | null)[];
}

/** The figures that a node reports once a second. */
export interface ActivitySample extends Load {
  node: string;
  waiters: number;
}

/** Length of an interval: a node writes its row once a second, so each has a sample of every living node. */
const STEP_MS = 2000;
/** Five minutes. */
const STEPS = 150;
/** The maximum number of nodes to remember: nodes that are named after their process come and go. */
const MAX_NODES = 20;

interface Interval {
  step: number;
  samples: number;
  posts: number;
  waiters: number;
  commitMs: number | null;
  deliveryMs: number | null;
}

/**
 * The figures of all nodes during the last five minutes. Each node reads the rows of its peers once a second anyway, so it can show the
 * figures of all nodes, even of one that has died. A browser needs to reach only one node. Takes at most about 300 KB.
 */
export class RecentActivity {
  readonly stepMs = STEP_MS;
  readonly #nodes = new Map<string, (Interval | undefined)[]>();
  readonly #clock: Clock;

  constructor(clock: Clock = threadClock) {
    this.#clock = clock;
  }

  /** Records a sample. Of several in one interval the rates are averaged, and the longest times count. */
  record({ node, waiters, postsPerSecond, commitMs, deliveryMs }: ActivitySample): void {
    const step = this.#step;
    const intervals = this.#intervalsOf(node);
    if (intervals === null) return;
    const before = intervals[step % STEPS];
    const { samples, posts, ...last } = before?.step === step ? before : empty;
    intervals[step % STEPS] = {
      step,
      samples: samples + 1,
      posts: posts + postsPerSecond,
      waiters,
      commitMs: longest(last.commitMs, commitMs),
      deliveryMs: longest(last.deliveryMs, deliveryMs),
    };
  }

  /** Returns the figures of each node that reported in the last five minutes, by name. */
  view(): NodeActivity[] {
    const first = this.#step - STEPS + 1;
    return [...this.#nodes]
      .map(([node, intervals]) => {
        const shown = Array.from({ length: STEPS }, (_, index) => {
          const interval = intervals[(first + index + STEPS) % STEPS];
          return interval?.step === first + index ? interval : null;
        });
        const column = (figure: (one: Interval) => number | null) => shown.map((one) => one && figure(one));
        return {
          node,
          posts_per_second: column(({ posts, samples }) => Math.round((posts / samples) * 10) / 10),
          waiters: column((one) => one.waiters),
          commit_ms: column((one) => one.commitMs),
          delivery_ms: column((one) => one.deliveryMs),
        };
      })
      .filter(({ waiters }) => waiters.some((one) => one !== null))
      .sort((one, other) => (one.node < other.node ? -1 : 1));
  }

  get #step(): number {
    return Math.floor(this.#clock() / STEP_MS);
  }

  /**
   * Returns the intervals of a node; null if there is no room for it. The map is in the order of the last samples, so its first
   * node is the one that has been silent for longest. Only a silent one makes room: otherwise living nodes would evict each
   * other at every sample.
   */
  #intervalsOf(node: string): (Interval | undefined)[] | null {
    const known = this.#nodes.get(node);
    if (known === undefined && this.#nodes.size >= MAX_NODES && !this.#dropSilent()) return null;
    const intervals = known ?? new Array<Interval | undefined>(STEPS).fill(undefined);
    this.#nodes.delete(node);
    this.#nodes.set(node, intervals);
    return intervals;
  }

  #dropSilent(): boolean {
    const [first] = this.#nodes;
    if (first === undefined) return false;
    const [node, intervals] = first;
    const isLiving = [0, 1].some((ago) => intervals[(this.#step - ago + STEPS) % STEPS]?.step === this.#step - ago);
    return !isLiving && this.#nodes.delete(node);
  }
}

const empty: Omit<Interval, 'step'> = { samples: 0, posts: 0, waiters: 0, commitMs: null, deliveryMs: null };

const longest = (one: number | null, other: number | null) =>
  one === null ? other : Math.max(one, other ?? Number.NEGATIVE_INFINITY);
