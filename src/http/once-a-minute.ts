const MINUTE_MS = 60_000;
/** Limit on the keys: messages with values in them would otherwise fill the memory. */
const MAX_KEYS = 100;

/** Decides whether something that may happen with every request is logged now: each key at most once a minute. */
export class OnceAMinute {
  readonly #loggedAt = new Map<string, number>();

  /** Returns true, and counts the key as logged, unless it was logged in the last minute. */
  take(key: string): boolean {
    const now = performance.now();
    const last = this.#loggedAt.get(key);
    if (last !== undefined && now - last < MINUTE_MS) return false;
    if (this.#loggedAt.size >= MAX_KEYS) this.#loggedAt.clear();
    this.#loggedAt.set(key, now);
    return true;
  }
}
