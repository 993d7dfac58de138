import type { LogEvent } from '../log-event.ts';

/** The maximum number of events in one read of the log, and so in one response. A client that is far behind reads several pages. */
export const PAGE_SIZE = 500;

/**
 * The maximum number of characters in one response: five hundred chat messages fit, five hundred notifications of 64 KiB do not. A
 * thousand responses in memory then take at most a quarter of a gigabyte, and not thirty gigabytes.
 */
const MAX_CHARACTERS = 256 * 1024;

/** Collects the events of one response until it is full. The first event always fits. */
export class DeliveryPage {
  readonly events: LogEvent[] = [];
  #characters = 0;
  #isFull = false;

  /** Adds the event and returns true, or returns false for it and all later ones. */
  add(event: LogEvent): boolean {
    const length = event.json?.length ?? 0;
    const isFull = this.events.length >= PAGE_SIZE || this.#characters + length > MAX_CHARACTERS;
    this.#isFull ||= isFull && this.events.length > 0;
    if (this.#isFull) return false;
    this.events.push(event);
    this.#characters += length;
    return true;
  }

  /** True if an event did not fit: the response ends with the last one that was added. */
  get isFull(): boolean {
    return this.#isFull;
  }

  get last(): LogEvent | undefined {
    return this.events.at(-1);
  }
}
