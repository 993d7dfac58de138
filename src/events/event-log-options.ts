import type { Queryable } from '../database/session/reconnecting-session.ts';
import type { Log } from '../log.ts';
import { PAGE_SIZE } from './delivery-page.ts';
import { SPAN } from './fast-forward.ts';
import type { Interest } from './interest.ts';
import type { LogEvent } from './log-event.ts';

/** Options of an event log (event-log.ts). */
export interface EventLogOptions {
  session: Queryable;
  log: Log;
  /** Gets every event once, in order, as one batch for each page. */
  onEvents(batch: readonly LogEvent[]): void;
  /** The log was begun anew. `cursor` is the end of what was handed out before, in its own epoch. */
  onNewHistory(cursor: string): void;
  /** The log moved and no hint came: the listener does not hear. */
  onMissedNotification(): void;
  /** Returns what must be read also where the log is read fast. */
  interest(): Interest;
  /** Events kept in memory; what lies behind them is read from the database. By default what a herd needs (tail.ts). */
  mostInMemory?: number;
  sizes?: ReadingSizes;
}

/** Positions a page, positions a page of a fast-forward, and how far the log must be ahead for one. */
export interface ReadingSizes {
  page: number;
  span: number;
  ahead: number;
}

/** Two thousand events are read and kept in memory in a tenth of a second or two. */
export const DEFAULT_SIZES: ReadingSizes = { page: PAGE_SIZE, span: SPAN, ahead: 2000 };
