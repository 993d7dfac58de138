/** A hint may come this much later than the reading that ran ahead of it, in milliseconds. */
const PATIENCE_MS = 500;

/**
 * Finds out that the listener does not hear: events were read and no hint came of them, long after it should have. A lost
 * hint or two show as well; then the listener is replaced for nothing, which costs a moment and harms nobody.
 */
export class MissedNotificationDetector {
  readonly #onDeaf: () => void;
  #hinted = 0;
  #unhinted: { position: number; at: number } | null = null;

  constructor(onDeaf: () => void) {
    this.#onDeaf = onDeaf;
  }

  /** A hint of `position` came. */
  hinted(position: number): void {
    this.#hinted = Math.max(this.#hinted, position);
    if (this.#unhinted !== null && this.#hinted >= this.#unhinted.position) this.#unhinted = null;
  }

  /** The log was read up to `position`. */
  advanced(position: number): void {
    if (this.#hinted < position) this.#unhinted ??= { position, at: performance.now() };
  }

  /** The log ends at `head` for now: a hint of more was none (anybody may NOTIFY), and must not pass for all that comes. */
  capHints(head: number): void {
    this.#hinted = Math.min(this.#hinted, head);
  }

  /** Asks once in a while. */
  check(): void {
    if (this.#unhinted === null || performance.now() - this.#unhinted.at < PATIENCE_MS) return;
    this.#unhinted = null;
    this.#onDeaf();
  }

  reset(): void {
    this.#hinted = 0;
    this.#unhinted = null;
  }
}
