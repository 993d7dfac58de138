import type { Queryable } from '../database/session/reconnecting-session.ts';
import type { Log } from '../log/log.ts';
import type { LogEvent } from './log-event.ts';
import { PAGE_SIZE } from './reading/delivery-page.ts';
import type { EventDecoder } from './reading/event-decoder.ts';
import { SPAN } from './reading/fast-forward.ts';
import type { Interest } from './reading/interest.ts';

/** Options of an event log (event-log.ts). */
export interface EventLogOptions {
  session: Queryable;
  log: Log;
  decoder: EventDecoder;
  /** Receives every event once and in order, in one or a few batches for each page. `end` is the cursor at the end of the batch. */
  onEvents(batch: readonly LogEvent[], end: string): void;
  /** Returns how many waiters {@link onEvents} compares with an event. Default: none. */
  comparisons?(event: LogEvent): number;
  /** Receives the age of the oldest event of each page, in milliseconds, once the first part of the page was delivered. */
  onDelivered?(ageMs: number): void;
  /** Called when the log was replaced. `cursor` is the last position that was delivered before, in its own epoch. */
  onNewHistory(cursor: string): void;
  /** Called when the log advanced and no hint arrived: the listener misses notifications. */
  onMissedNotification(): void;
  /** Returns the events that must be read during a fast-forward too. */
  interest(): Interest;
  /** The maximum number of events in memory; older ones are read from the database. Default: see reading/tail.ts. */
  maxInMemory?: number;
  sizes?: ReadingSizes;
}

/** Sizes for reading the log, in positions. */
export interface ReadingSizes {
  /** Of a page. */
  page: number;
  /** Of a page during a fast-forward. */
  span: number;
  /** How far ahead the log must be for a fast-forward to start. */
  ahead: number;
}

/** Reading two thousand events into memory takes 0.1 to 0.2 s. */
export const DEFAULT_SIZES: ReadingSizes = { page: PAGE_SIZE, span: SPAN, ahead: 2000 };
