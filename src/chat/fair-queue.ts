/** What to do with the item that is offered: take it, leave its lane alone for this time, or take no more at all. */
export type Verdict = 'take' | 'pass' | 'stop';

interface Lane<Item> {
  items: Item[];
  /** Where its first item is: moved on instead of shifting the others. */
  first: number;
}

/**
 * A bounded queue that serves its lanes in turn, one item each (round robin): a group that floods cannot make the
 * others wait for its whole backlog. Within a lane the order is kept. Taking costs what is taken, however much waits.
 */
export class FairQueue<Item> {
  /** In the order of their turns: whose turn is over is put in again at the end. */
  readonly #lanes = new Map<number | string, Lane<Item>>();
  readonly #capacity: number;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** False where the queue is full and the item was not taken. */
  push(lane: number | string, item: Item): boolean {
    if (this.#size >= this.#capacity) return false;
    const found = this.#lanes.get(lane);
    if (found) found.items.push(item);
    else this.#lanes.set(lane, { items: [item], first: 0 });
    this.#size++;
    return true;
  }

  /** Takes items as `judge` says. A lane that is passed keeps its turn, and so comes first the next time. */
  take(judge: (item: Item) => Verdict): Item[] {
    const taken: Item[] = [];
    // A Map's iteration comes to what is put in at its end meanwhile: so the lanes go round until nobody is taken.
    for (const [name, lane] of this.#lanes) {
      const item = lane.items[lane.first] as Item;
      const verdict = judge(item);
      if (verdict === 'stop') break;
      if (verdict === 'pass') continue;
      taken.push(item);
      this.#lanes.delete(name);
      if (++lane.first < lane.items.length) this.#lanes.set(name, shortened(lane));
    }
    this.#size -= taken.length;
    return taken;
  }
}

/** Lets go of what has been taken, once that is most of the lane: seldom, so that it costs nothing each time. */
function shortened<Item>(lane: Lane<Item>): Lane<Item> {
  if (lane.first < 64 || lane.first * 2 < lane.items.length) return lane;
  return { items: lane.items.slice(lane.first), first: 0 };
}
