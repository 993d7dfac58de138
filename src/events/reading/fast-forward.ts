/**
 * Reads a span of the log without the events that have no waiter on this node. A bulk INSERT of 200,000 messages passes in
 * tens of milliseconds and does not delay the events after it.
 *
 * A page holds every event in its span that the interest covers, or more. Delivery still decides event by event which
 * waiter gets it, with memberships that change on the way, so a page includes the groups that a user joins within the span.
 * Names are compared with those of the same snapshot, and with those that groups had before. The interest must not grow between
 * the statement and the delivery of its page, so `EventLog.whenSettled` (event-log.ts) keeps new waiters and memberships out meanwhile.
 */
import type { Queryable } from '../../database/session/reconnecting-session.ts';
import { BYTES_BEFORE, FEED, FITS } from '../event-feed.ts';
import { PAGE_SIZE } from './delivery-page.ts';
import type { Interest } from './interest.ts';
import { type LogPage, type LogPageRow, PAGE_LIMIT_MS, toLogPage, withBounds } from './log-page.ts';

/** Number of positions per statement: about 20 ms of PostgreSQL's time if none of them is of interest. */
export const SPAN = 50_000;

type SpanRow = LogPageRow & { found: number };

/**
 * Reads the events of interest among the `span` positions after `position`, as many as fit a page.
 * @throws the database's error.
 */
export async function readSpan(
  session: Queryable,
  position: number,
  knownEpoch: string,
  span: number,
  { groupIds, names, userIds }: Interest,
): Promise<LogPage> {
  const limit = Math.min(PAGE_SIZE, span);
  const values = [position, knownEpoch, span, groupIds, names, userIds];
  const rows = await session.query<SpanRow>(withBounds(null, feedOf(limit), values), PAGE_LIMIT_MS);
  const page = toLogPage(rows, position);
  const isFull = (rows[0]?.found ?? 0) === limit || page.rows.length < (rows[0]?.found ?? 0);
  return isFull ? page : { ...page, end: Math.max(position, Math.min(page.head, position + span)) };
}

// $1 position, $2 the known epoch, $3 span, $4 groups, $5 names, $6 users.
const feedOf = (limit: number) => `
  WITH groups_of_interest AS MATERIALIZED (
    SELECT unnest($4::bigint[]) AS id
    UNION SELECT id FROM plantao.groups WHERE name IN (SELECT unnest($5::text[]))
    UNION SELECT group_id FROM plantao.events
      WHERE position > $1 AND kind IN ('group_changed', 'group_deleted') AND topic IN (SELECT unnest($5::text[]))
    UNION SELECT group_id FROM plantao.events
      WHERE position > $1::bigint AND position <= $1 + $3::bigint AND kind = 'joined'
        AND user_id IN (SELECT unnest($6::bigint[]))
  ), found AS MATERIALIZED (
    SELECT position AS at_position FROM plantao.events
    WHERE position > $1 AND position <= $1 + $3
      AND (kind = 'broadcast' OR group_id IN (SELECT id FROM groups_of_interest)
        OR user_id IN (SELECT unnest($6::bigint[])) OR topic IN (SELECT unnest($5::text[])))
    ORDER BY position LIMIT ${limit}
  ), sized AS (
    SELECT f.*, ${BYTES_BEFORE} FROM found JOIN plantao.event_feed f ON f.position = found.at_position
  )
  SELECT ${FEED}, (SELECT count(*)::integer FROM found) AS found FROM sized WHERE ${FITS}`;
