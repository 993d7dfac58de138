/** The decision on an item: take it, skip its lane this time, or stop taking. */
export type TakeDecision = 'take' | 'skip' | 'stop';

interface Lane<Item> {
  items: Item[];
  /** Index of the first item; incremented instead of shifting the others. */
  first: number;
}

/**
 * A bounded queue that serves its lanes round robin, one item each, so that the messages of a busy group do not delay those of
 * the others. Within a lane the order is kept. The cost of taking depends on the number of items taken, not on the queue's size.
 */
export class FairQueue<Item> {
  /** The lanes in the order in which they are served: a lane moves to the end after its turn. */
  readonly #lanes = new Map<number | string, Lane<Item>>();
  readonly #capacity: number;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** Adds an item; returns false if the queue is full. */
  push(lane: number | string, item: Item): boolean {
    if (this.#size >= this.#capacity) return false;
    const found = this.#lanes.get(lane);
    if (found) found.items.push(item);
    else this.#lanes.set(lane, { items: [item], first: 0 });
    this.#size++;
    return true;
  }

  /** Takes the items for which `decide` returns `take`. A skipped lane keeps its place, and is therefore among the first the next time. */
  take(decide: (item: Item) => TakeDecision): Item[] {
    const taken: Item[] = [];
    // Iterating over a Map includes entries that are added during the iteration, so this goes round until no item is taken.
    for (const [name, lane] of this.#lanes) {
      const item = lane.items[lane.first] as Item;
      const decision = decide(item);
      if (decision === 'stop') break;
      if (decision === 'skip') continue;
      taken.push(item);
      this.#lanes.delete(name);
      if (++lane.first < lane.items.length) this.#lanes.set(name, shortened(lane));
    }
    this.#size -= taken.length;
    return taken;
  }
}

/** Frees the items that were taken once they make up most of the lane, so that the cost per item is constant on average. */
function shortened<Item>(lane: Lane<Item>): Lane<Item> {
  if (lane.first < 64 || lane.first * 2 < lane.items.length) return lane;
  return { items: lane.items.slice(lane.first), first: 0 };
}
