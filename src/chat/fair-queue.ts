/**
 * A bounded queue that serves its lanes in turn, one item each (round robin): a group that floods cannot make the
 * others wait for its whole backlog. Within a lane the order is kept.
 */
export class FairQueue<Item> {
  readonly #lanes = new Map<number, Item[]>();
  readonly #capacity: number;
  #size = 0;

  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  get size(): number {
    return this.#size;
  }

  /** False where the queue is full and the item was not taken. */
  push(lane: number, item: Item): boolean {
    if (this.#size >= this.#capacity) return false;
    const items = this.#lanes.get(lane);
    if (items) items.push(item);
    else this.#lanes.set(lane, [item]);
    this.#size++;
    return true;
  }

  /** Takes items while `accepts` says so; a lane whose first item is not accepted is passed over for this time. */
  take(accepts: (item: Item) => boolean): Item[] {
    const taken: Item[] = [];
    const passed = new Set<number>();
    while (passed.size < this.#lanes.size) {
      for (const [lane, items] of this.#lanes) {
        if (passed.has(lane)) continue;
        const first = items[0];
        if (first === undefined || !accepts(first)) {
          passed.add(lane);
          continue;
        }
        items.shift();
        taken.push(first);
        if (items.length === 0) this.#lanes.delete(lane);
      }
    }
    // Whoever was passed over comes first the next time.
    for (const [lane, items] of [...this.#lanes]) {
      if (passed.has(lane)) continue;
      this.#lanes.delete(lane);
      this.#lanes.set(lane, items);
    }
    this.#size -= taken.length;
    return taken;
  }
}
