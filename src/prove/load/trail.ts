/** The maximum number of cursors that are kept: more than a failover loses, and no more memory after a day than after an hour. */
const MAX_CURSORS = 20_000;

/**
 * The cursors that a reader has received: the first one and the newest. After a 410 it steps back to the newest one that is
 * still accepted: what it received after that one was lost.
 */
export class Trail {
  readonly #cursors: string[];

  constructor(cursor: string) {
    this.#cursors = [cursor];
  }

  get cursor(): string {
    return this.#cursors.at(-1) ?? '';
  }

  moveTo(cursor: string): void {
    if (cursor === this.cursor) return;
    this.#cursors.push(cursor);
    if (this.#cursors.length > MAX_CURSORS) this.#cursors.splice(1, MAX_CURSORS / 2);
  }

  /** Drops the newest cursor. Returns false if it is the only one. */
  stepBack(): boolean {
    if (this.#cursors.length < 2) return false;
    this.#cursors.pop();
    return true;
  }
}
