const MINUTE_MS = 60_000;
/** Maximum number of keys. Without it, messages that contain values would fill the memory. */
const MAX_KEYS = 100;

/** Limits a log line that any request may cause: each key is logged at most once a minute. */
export class LogThrottle {
  readonly #loggedAt = new Map<string, number>();

  /** Returns true, and counts the key as logged, unless it was logged in the last minute. */
  allows(key: string): boolean {
    const now = performance.now();
    const last = this.#loggedAt.get(key);
    if (last !== undefined && now - last < MINUTE_MS) return false;
    if (this.#loggedAt.size >= MAX_KEYS) this.#loggedAt.clear();
    this.#loggedAt.set(key, now);
    return true;
  }
}
