/** The views are drawn at most this often, in milliseconds: more than thirty times a second is not visible. */
const INTERVAL_MS = 30;

/** Something that views show. Its changes are reported in bursts. */
export class Observable {
  readonly #listeners = new Set<() => void>();
  #scheduled: ReturnType<typeof setTimeout> | undefined;
  #reportedAt = Number.NEGATIVE_INFINITY;

  /** Calls `listener` after changes, once for those of one task. Returns a function that removes it. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** Reports a change. Uses a timer because a hidden tab has no animation frames, and its title must show the unread count. */
  changed(): void {
    if (this.#scheduled !== undefined) return;
    this.#scheduled = setTimeout(
      () => {
        this.#scheduled = undefined;
        this.#reportedAt = performance.now();
        for (const listener of [...this.#listeners]) listener();
      },
      Math.max(0, this.#reportedAt + INTERVAL_MS - performance.now()),
    );
  }
}
