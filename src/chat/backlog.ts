import type { StandingSession } from '../database/standing-session.ts';
import { CursorExpiredError } from '../events/cursor.ts';
import { type EventLog, PAGE } from '../events/event-log.ts';
import type { FeedRow, LogEvent } from '../events/log-event.ts';
import type { ReplayableAudience } from './audiences.ts';

/** What an audience hears of the log up to `position`. */
export interface Heard {
  events: LogEvent[];
  position: number;
}

/** Joining and leaving of one user, oldest first. */
interface Move {
  kind: string;
  group_id: number | null;
}

interface BacklogRow extends FeedRow {
  floor: number;
  head: number;
  moves: Move[] | null;
  now_in: number[] | null;
}

const LIMIT_MS = 5000;

/**
 * A page of what an audience hears after `position`, from the database: for a poll that comes back from further behind
 * than the node's memory reaches. Everything is read in one snapshot, the log's floor too, so retention that runs
 * meanwhile cannot make a silent gap. Each branch is limited by itself, so a page costs the same however long the log is.
 * @throws {CursorExpiredError} where retention has passed the position.
 */
export async function readBacklog(
  session: StandingSession,
  log: EventLog,
  audience: ReplayableAudience,
  position: number,
): Promise<Heard> {
  const rows = await session.query<BacklogRow>(
    {
      name: 'backlog',
      text: `
        WITH moves AS MATERIALIZED (
          SELECT position, kind, group_id FROM plantao.events WHERE user_id = $2::bigint AND position > $1::bigint
        ), now_in AS MATERIALIZED (
          SELECT group_id FROM plantao.memberships WHERE user_id = $2::bigint
        ), heard_groups AS (
          SELECT unnest($3::bigint[]) AS id
          UNION SELECT group_id FROM now_in WHERE $5::boolean
          UNION SELECT group_id FROM moves WHERE $5
        ), found AS (
          SELECT e.position FROM heard_groups g CROSS JOIN LATERAL (
            SELECT position FROM plantao.events WHERE group_id = g.id AND position > $1 ORDER BY position LIMIT ${PAGE}) e
          UNION SELECT * FROM (
            SELECT position FROM plantao.events WHERE topic = $4::text AND position > $1 ORDER BY position LIMIT ${PAGE}) t
          UNION SELECT * FROM (
            SELECT position FROM plantao.events WHERE kind = 'broadcast' AND position > $1 ORDER BY position LIMIT ${PAGE}) b
          UNION SELECT position FROM moves WHERE $5
        )
        SELECT b.floor, b.head,
          (SELECT json_agg(json_build_object('kind', kind, 'group_id', group_id) ORDER BY position) FROM moves) AS moves,
          (SELECT json_agg(group_id) FROM now_in) AS now_in, f.*
        FROM plantao.log_bounds b
        LEFT JOIN (SELECT position AS at_position FROM found ORDER BY position LIMIT ${PAGE}) page ON true
        LEFT JOIN plantao.event_feed f ON f.position = page.at_position
        ORDER BY f.position`,
      values: [
        position,
        audience.roster?.userId ?? null,
        audience.groupIds,
        audience.name,
        audience.groupIds.length === 0,
      ],
    },
    LIMIT_MS,
  );
  const first = rows[0];
  if (!first || position < first.floor) throw new CursorExpiredError('retention');
  const candidates = rows.filter((row) => row.position !== null).map((row) => log.toEvent(row));
  const membership = rewind(new Set(first.now_in), first.moves ?? []);
  const last = candidates.at(-1);
  return {
    events: replay(audience, candidates, membership),
    position: candidates.length === PAGE && last ? last.position : first.head,
  };
}

/** The groups that somebody was in before `moves` (oldest first), who is in `groups` after them. */
export function rewind(groups: Set<number>, moves: readonly Move[]): Set<number> {
  for (const move of [...moves].reverse()) {
    if (move.group_id === null) continue;
    if (move.kind === 'joined') groups.delete(move.group_id);
    else if (move.kind === 'left') groups.add(move.group_id);
  }
  return groups;
}

/** What the audience hears of `events`, with the membership that its user had at each of them. `groups` is used up. */
export function replay(audience: ReplayableAudience, events: readonly LogEvent[], groups: Set<number>): LogEvent[] {
  const { roster } = audience;
  const isMember = roster === null ? () => true : (groupId: number) => groups.has(groupId);
  return events.filter((event) => {
    const isOwn = roster !== null && event.userId === roster.userId && event.groupId !== null;
    if (isOwn && event.kind === 'joined' && event.groupId !== null) groups.add(event.groupId);
    const heard = event.json !== null && audience.hearsAs(event, isMember);
    if (isOwn && event.kind === 'left' && event.groupId !== null) groups.delete(event.groupId);
    return heard;
  });
}
