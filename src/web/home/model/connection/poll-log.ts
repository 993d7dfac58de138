import { type ChatEvent, isAfter } from '../../../../client/index.ts';

/** The result of a poll: the events between two cursors. */
export interface PollPart {
  from: string;
  to: string;
  events: readonly ChatEvent[];
}

/** Maximum number of polls that are kept for other tabs. A tab that is further behind polls for itself. */
const MAX_KEPT = 200;

/** The latest polls of the tab that polls for all, without a gap between them. */
export class PollLog {
  #parts: PollPart[] = [];

  /** Records that a poll begins at this cursor: a tab at the same place can wait for its result. */
  begin(cursor: string): void {
    if (this.#parts.at(-1)?.to !== cursor) this.#parts = [{ from: cursor, to: cursor, events: [] }];
  }

  /** Adds the result of a poll. After a gap, everything before it is dropped. */
  add(part: PollPart): void {
    if (this.#parts.at(-1)?.to !== part.from) this.#parts = [];
    this.#parts.push(part);
    if (this.#parts.length > MAX_KEPT) this.#parts.shift();
  }

  /**
   * Returns the events after a cursor; `wait` if there are none yet, and `unknown` if the log does not reach back to it.
   */
  after(cursor: string): PollPart | 'wait' | 'unknown' {
    const [first, last] = [this.#parts[0], this.#parts.at(-1)];
    if (first === undefined || last === undefined || epochOf(cursor) !== epochOf(last.to)) return 'unknown';
    if (first.from !== cursor && isAfter(first.from, cursor)) return 'unknown';
    if (!isAfter(last.to, cursor)) return 'wait';
    const events = this.#parts.flatMap((part) => part.events).filter((event) => isAfter(event.cursor, cursor));
    return { from: cursor, to: last.to, events };
  }
}

function epochOf(cursor: string): string {
  return cursor.slice(0, cursor.lastIndexOf('-'));
}
