import type { LogEvent } from './log-event.ts';

/** Events a read of the log, and so the most that one answer can carry; who is far behind pages through. */
export const PAGE_SIZE = 500;

/**
 * Characters an answer: five hundred chat messages fit, five hundred notifications of 64 KiB do not. A thousand waiters
 * with an answer each in memory are then at most a quarter of a gigabyte, and not thirty.
 */
const MOST_CHARACTERS = 256 * 1024;

/** Events for one answer, until it is full; at least one. */
export class DeliveryPage {
  readonly events: LogEvent[] = [];
  #characters = 0;
  #isFull = false;

  /** Takes the event, or refuses it and all that come after. */
  add(event: LogEvent): boolean {
    const length = event.json?.length ?? 0;
    const isFull = this.events.length >= PAGE_SIZE || this.#characters + length > MOST_CHARACTERS;
    this.#isFull ||= isFull && this.events.length > 0;
    if (this.#isFull) return false;
    this.events.push(event);
    this.#characters += length;
    return true;
  }

  /** True where an event has been refused: the answer ends with the last one that was taken. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get last(): LogEvent | undefined {
    return this.events.at(-1);
  }
}
