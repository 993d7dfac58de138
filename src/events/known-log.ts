import { type Cursor, CursorExpiredError, continuedPosition, type Epoch, formatCursor } from './cursor.ts';
import type { LogEvent } from './log-event.ts';
import { Tail } from './reading/tail.ts';

/** The part of the event log that this node has read: its epochs, its newest events, and the position that was reached. */
export class KnownLog {
  #epochs: readonly Epoch[];
  readonly #tail: Tail;
  #head: number;

  constructor(epochs: readonly Epoch[] = [], tail = new Tail(0), head = tail.start) {
    this.#epochs = epochs;
    this.#tail = tail;
    this.#head = head;
  }

  /** The newest position that this node has read. */
  get head(): number {
    return this.#head;
  }

  /** The newest events, in memory. */
  get tail(): Tail {
    return this.#tail;
  }

  /** The epoch that new cursors carry. */
  get epoch(): string {
    return this.#epochs.at(-1)?.epoch ?? '';
  }

  /** The cursor of everything that this node has read. */
  get end(): Cursor {
    return { epoch: this.epoch, position: this.#head };
  }

  /** {@link end} as clients see it. */
  get endCursor(): string {
    return formatCursor(this.end);
  }

  /** Returns the cursor of a position in the current epoch, as clients see it. */
  cursorAt(position: number): string {
    return formatCursor({ epoch: this.epoch, position });
  }

  /** Returns true if {@link positionOf} can decide on the cursor: its epoch and position are known. Otherwise the log must be read first. */
  covers(cursor: Cursor): boolean {
    return cursor.position <= this.#head && this.#epochs.some((one) => one.epoch === cursor.epoch);
  }

  /**
   * Returns the position from which `cursor` continues.
   * @throws {CursorExpiredError} if it cannot be continued without a gap.
   */
  positionOf(cursor: Cursor): number {
    const position = continuedPosition(cursor, this.#epochs);
    if (position > this.#head) throw new CursorExpiredError('ahead');
    return position;
  }

  /** Replaces the epochs, after a page that brought newer ones. */
  setEpochs(epochs: readonly Epoch[]): void {
    this.#epochs = epochs;
  }

  /** Appends the next event of the log. */
  append(event: LogEvent): void {
    this.#tail.append(event);
    this.#head = event.position;
  }

  /** Advances to `position` without the events before it. The tail starts again there, since it must not have a gap. */
  skipTo(position: number): void {
    this.#tail.restart(position);
    this.#head = position;
  }
}
