/** A hint may arrive this much later than the read of its event. */
const GRACE_MS = 500;

/**
 * Detects that the listener misses notifications: events were read, and long afterwards no hint of them has arrived. One or
 * two lost hints look the same. The listener is then replaced without need, which is quick and harmless.
 */
export class MissedNotificationDetector {
  readonly #onMissed: () => void;
  #hinted = 0;
  #unhinted: { position: number; at: number } | null = null;

  constructor(onMissed: () => void) {
    this.#onMissed = onMissed;
  }

  /** Records that a hint of `position` arrived. */
  hinted(position: number): void {
    this.#hinted = Math.max(this.#hinted, position);
    if (this.#unhinted !== null && this.#hinted >= this.#unhinted.position) this.#unhinted = null;
  }

  /** Records that the log was read up to `position`. */
  advanced(position: number): void {
    if (this.#hinted < position) this.#unhinted ??= { position, at: performance.now() };
  }

  /** Records that the log ends at `head`. A hint of a later position was false (any role may NOTIFY) and must not hide misses. */
  capHints(head: number): void {
    this.#hinted = Math.min(this.#hinted, head);
  }

  /** Reports a miss, if there was one. Called at intervals. */
  check(): void {
    if (this.#unhinted === null || performance.now() - this.#unhinted.at < GRACE_MS) return;
    this.#unhinted = null;
    this.#onMissed();
  }

  /** Forgets all hints, after the log was replaced. */
  reset(): void {
    this.#hinted = 0;
    this.#unhinted = null;
  }
}
