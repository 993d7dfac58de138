import { isRefusedOpening, SqlState, sqlState } from '../../database/errors.ts';
import type { Queryable } from '../../database/session/reconnecting-session.ts';
import { errorMessage } from '../../error-message.ts';
import { type LogPage, readBareEvent } from './log-page.ts';

/** Reads at most `limit` positions after `position`. */
type ReadPage = (session: Queryable, position: number, knownEpoch: string, limit: number) => Promise<LogPage>;

/**
 * Reads the log page by page. A page that takes too long or too much memory is halved, down to a single event. So is a page
 * with a row that PostgreSQL cannot read (a damaged block), until that row is found. Of this row only the bare event is
 * read, and reading resumes after it.
 *
 * A single event that times out is not skipped: a lock on plantao.messages looks the same, and the event would be lost.
 */
export class PageReader {
  readonly #session: Queryable;
  readonly #read: ReadPage;
  /** Number of positions in a page while no page fails. */
  readonly size: number;
  #limit: number;

  constructor(session: Queryable, read: ReadPage, size: number) {
    this.#session = session;
    this.#read = read;
    this.size = size;
    this.#limit = size;
  }

  /** Reads the next page after `position`. @throws the database's error. */
  async next(position: number, knownEpoch: string): Promise<LogPage> {
    for (;;) {
      try {
        const page = await this.#read(this.#session, position, knownEpoch, this.#limit);
        this.#limit = Math.min(this.size, this.#limit * 2);
        return page;
      } catch (error) {
        const isUnreadable = isCausedByRow(error);
        const isSingle = this.#limit === 1;
        this.#limit = Math.max(1, Math.floor(this.#limit / 2));
        if (isSingle && isUnreadable) return readBareEvent(this.#session, position, knownEpoch, errorMessage(error));
        if (isSingle || !(isUnreadable || isTooLarge(error))) throw error;
      }
    }
  }
}

/** Data exceptions, program limits, corrupted data and indexes: caused by the row, so that a retry fails too. */
const UNREADABLE = /^(22|54|XX001|XX002)/;

/** A DBA's login trigger may fail with any SQLSTATE, before a row is read. */
const isCausedByRow = (error: unknown) => UNREADABLE.test(sqlState(error) ?? '') && !isRefusedOpening(error);

const isTooLarge = (error: unknown) => {
  const state = sqlState(error);
  return state === SqlState.QUERY_CANCELED || state === SqlState.OUT_OF_MEMORY;
};
