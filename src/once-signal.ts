/**
 * Something that happens once, with a reason. Listeners are called once and must not throw; one that is added afterwards is
 * called at once. An AbortSignal does the same for a few: it prints a warning from the eleventh listener on, and takes ten
 * times the memory.
 */
export class OnceSignal<Reason = void> {
  #listeners: Set<(reason: Reason) => void> | null = null;
  #happened: { reason: Reason } | null = null;

  get hasHappened(): boolean {
    return this.#happened !== null;
  }

  /** The reason; null while it has not happened. */
  get reason(): Reason | null {
    return this.#happened?.reason ?? null;
  }

  /** How many listen. */
  get size(): number {
    return this.#listeners?.size ?? 0;
  }

  /** Calls `listener` when it happens. */
  add(listener: (reason: Reason) => void): void {
    if (this.#happened) {
      listener(this.#happened.reason);
    } else {
      this.#listeners ??= new Set();
      this.#listeners.add(listener);
    }
  }

  remove(listener: (reason: Reason) => void): void {
    this.#listeners?.delete(listener);
  }

  /** Makes it happen; does nothing the second time. */
  fire(reason: Reason): void {
    if (this.#happened) return;
    this.#happened = { reason };
    const listeners = this.#listeners;
    this.#listeners = null;
    for (const listener of listeners ?? []) listener(reason);
  }
}
