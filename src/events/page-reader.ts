import { messageOf, SqlState, sqlState } from '../database/errors.ts';
import type { Queryable } from '../database/session/reconnecting-session.ts';
import { type LogPage, readBareEvent } from './log-page.ts';

/** Reads what follows `position`, of at most `most` positions. */
type ReadPage = (session: Queryable, position: number, knownEpoch: string, most: number) => Promise<LogPage>;

/**
 * Reads the log page by page, in smaller ones where a page fails: one that takes too long or too much memory is halved down
 * to a single event, and so is one with a row that PostgreSQL cannot read (a damaged block), until that row is found. Of
 * it only the bare event is read, and reading resumes behind it.
 *
 * A single event that times out is not skipped: a lock on plantao.messages looks the same, and then it would be lost.
 */
export class PageReader {
  readonly #session: Queryable;
  readonly #read: ReadPage;
  /** Positions a page, where none fails. */
  readonly size: number;
  #most: number;

  constructor(session: Queryable, read: ReadPage, size: number) {
    this.#session = session;
    this.#read = read;
    this.size = size;
    this.#most = size;
  }

  /** The next page after `position`. @throws the database's error. */
  async next(position: number, knownEpoch: string): Promise<LogPage> {
    for (;;) {
      try {
        const page = await this.#read(this.#session, position, knownEpoch, this.#most);
        this.#most = Math.min(this.size, this.#most * 2);
        return page;
      } catch (error) {
        const isUnreadable = UNREADABLE.test(sqlState(error) ?? '');
        const isSingle = this.#most === 1;
        this.#most = Math.max(1, Math.floor(this.#most / 2));
        if (isSingle && isUnreadable) return readBareEvent(this.#session, position, knownEpoch, messageOf(error));
        if (isSingle || !(isUnreadable || isTooLarge(error))) throw error;
      }
    }
  }
}

/** Data exceptions, limits of the program, corrupted data and indexes: of the row, and not of the moment. */
const UNREADABLE = /^(22|54|XX001|XX002)/;

const isTooLarge = (error: unknown) => {
  const state = sqlState(error);
  return state === SqlState.QUERY_CANCELED || state === SqlState.OUT_OF_MEMORY;
};
