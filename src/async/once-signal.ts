/**
 * A signal that fires once, with a reason. Listeners are called once and must not throw; a listener that is added afterwards is
 * called at once. An AbortSignal would take ten times the memory, and prints a warning from the eleventh listener on.
 */
export class OnceSignal<Reason = void> {
  #listeners: Set<(reason: Reason) => void> | null = null;
  #happened: { reason: Reason } | null = null;

  get hasHappened(): boolean {
    return this.#happened !== null;
  }

  /** The reason; null before the signal has fired. */
  get reason(): Reason | null {
    return this.#happened?.reason ?? null;
  }

  get size(): number {
    return this.#listeners?.size ?? 0;
  }

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

  /** Fires the signal; does nothing the second time. */
  fire(reason: Reason): void {
    if (this.#happened) return;
    this.#happened = { reason };
    const listeners = this.#listeners;
    this.#listeners = null;
    for (const listener of listeners ?? []) listener(reason);
  }
}
