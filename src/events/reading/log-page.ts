import type { Queryable } from '../../database/session/reconnecting-session.ts';
import type { Cursor, Epoch } from '../cursor.ts';
import { BYTES_BEFORE, FEED, type FeedRow, FITS } from '../event-feed.ts';
import { PAGE_SIZE } from './delivery-page.ts';

/** Time limit of one page. */
export const PAGE_LIMIT_MS = 2500;

/** The bounds of the log and its epochs, in one snapshot. */
export interface Bounds {
  /** Highest position that retention has removed. */
  floor: number;
  head: number;
  /** Oldest first; the last is the one that new cursors carry. */
  epochs: Epoch[];
}

/** A page of the log with the log's bounds in the same snapshot. `epochs` is null if the newest is the known one. */
export interface LogPage {
  floor: number;
  head: number;
  epochs: Epoch[] | null;
  rows: FeedRow[];
  /** The position up to which the page covers the log. */
  end: number;
}

/** A row of a statement of {@link withBounds}. The columns of the feed are null if it has no row. */
export type LogPageRow = FeedRow & { floor: number; log_head: number; epochs: Epoch[] | null };

/** The maximum number of epochs that are read. A cursor of an older epoch is refused. */
const MAX_EPOCHS = 1000;
const EPOCHS = `(SELECT json_agg(json_build_object('epoch', epoch, 'after_position', after_position) ORDER BY number)
  FROM (SELECT number, epoch, after_position FROM plantao.epochs ORDER BY number DESC LIMIT ${MAX_EPOCHS}) newest)`;

/** Reads the log's bounds. @throws the database's error. */
export async function readBounds(session: Queryable): Promise<Bounds> {
  const [row] = await session.query<Bounds>(
    { name: 'log_bounds', text: `SELECT floor, head, ${EPOCHS} AS epochs FROM plantao.log_bounds` },
    PAGE_LIMIT_MS,
  );
  if (!row) throw new Error('the event log has no bounds');
  return row;
}

/**
 * Reads the next page after `position`, at most `limit` rows and as many bytes as a page may have. Every page carries the
 * bounds, so that a replaced log, or retention that passed the reader, is noticed at the next read.
 * @throws the database's error.
 */
export async function readPage(
  session: Queryable,
  position: number,
  knownEpoch: string,
  limit: number = PAGE_SIZE,
): Promise<LogPage> {
  return toLogPage(
    await session.query<LogPageRow>(pageStatement(position, knownEpoch, limit), PAGE_LIMIT_MS),
    position,
  );
}

function pageStatement(position: number, knownEpoch: string, limit: number) {
  // The limit is part of the text: for a parameter, PostgreSQL would plan for a tenth of the log.
  const rows = `SELECT ${FEED} FROM (
      SELECT f.*, ${BYTES_BEFORE} FROM (
        SELECT * FROM plantao.event_feed WHERE position > $1 ORDER BY position LIMIT ${limit}) f) sized
    WHERE ${FITS}`;
  return withBounds(`log_page_${limit}`, rows, [position, knownEpoch]);
}

/**
 * Reads only the event after `position`, without the texts and names that could not be read because of `problem`.
 * @throws the database's error.
 */
export async function readBareEvent(
  session: Queryable,
  position: number,
  knownEpoch: string,
  problem: string,
): Promise<LogPage> {
  const rows = `SELECT position, kind, group_id, NULL AS group_name, topic, user_id, NULL AS username, NULL AS actor_id, NULL AS actor, message_id,
      NULL AS sender_id, NULL AS sender, NULL AS sent_at, NULL AS edited_at, false AS is_outdated, NULL AS idempotency_key, NULL AS meta, NULL AS reply_to,
      NULL AS at, 0 AS bytes, NULL AS content, NULL AS payload
    FROM plantao.events WHERE position > $1 ORDER BY position LIMIT 1`;
  const statement = withBounds('log_bare', rows, [position, knownEpoch]);
  const page = toLogPage(await session.query<LogPageRow>(statement, PAGE_LIMIT_MS), position);
  return { ...page, rows: page.rows.map((row) => ({ ...row, problem })) };
}

/**
 * Returns a statement for the rows of `feed` beside the bounds of the log. Its second parameter is the known epoch. Without
 * a name it is planned each time for its actual values.
 */
export const withBounds = (name: string | null, feed: string, values: unknown[]) => ({
  ...(name === null ? {} : { name }),
  text: `SELECT b.floor, b.head AS log_head, CASE WHEN b.epoch <> $2 THEN ${EPOCHS} END AS epochs, f.*
         FROM plantao.log_bounds b LEFT JOIN LATERAL (${feed}) f ON true
         ORDER BY f.position`,
  values,
});

/** Prepares the plan of {@link readPage} in a session. Reads no event. */
export const WARM_UP_READING = pageStatement(Number.MAX_SAFE_INTEGER, '', PAGE_SIZE);

/** Returns the page in the rows of a statement of {@link withBounds} for the events after `position`. */
export function toLogPage(found: LogPageRow[], position: number): LogPage {
  const [first] = found;
  if (!first) throw new Error('the event log has no bounds');
  const rows = found.filter((row) => row.position !== null);
  return {
    floor: first.floor,
    head: first.log_head,
    epochs: first.epochs,
    rows,
    end: rows.at(-1)?.position ?? position,
  };
}

/** Returns true if `page` cannot follow what was read up to `at`: retention removed events between, or it has another history. */
export function cannotFollow({ floor, head, epochs }: LogPage, at: Cursor): boolean {
  if (floor > at.position || head < at.position) return true;
  if (epochs === null) return false;
  const index = epochs.findIndex((one) => one.epoch === at.epoch);
  return index < 0 || epochs.slice(index + 1).some((later) => later.after_position < at.position);
}

/**
 * Reports that the database's log ends before what was read in the same epoch, so that the database begins a new epoch.
 * @throws the database's error.
 */
export async function reportFallBack(session: Queryable, epoch: string, head: number): Promise<void> {
  await session.query(
    { name: 'log_fell_back', text: 'SELECT plantao.log_fell_back($1, $2)', values: [epoch, head] },
    PAGE_LIMIT_MS,
  );
}

/**
 * Records in plantao.epochs how far this node had read in an epoch that has ended. Returns the position after which the next epoch
 * began if events were lost, or null if none were. @throws the database's error.
 */
export async function reportLostEvents(session: Queryable, { epoch, position }: Cursor): Promise<number | null> {
  const [row] = await session.query<{ fork: number | null }>(
    { text: 'SELECT plantao.report_lost_end($1, $2) AS fork', values: [epoch, position] },
    PAGE_LIMIT_MS,
  );
  return row?.fork ?? null;
}
