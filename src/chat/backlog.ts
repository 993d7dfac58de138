import type { StandingSession } from '../database/standing-session.ts';
import { CursorExpiredError } from '../events/cursor.ts';
import { type FeedRow, type LogEvent, toLogEvent } from '../events/log-event.ts';
import { PAGE, Page } from '../events/page.ts';
import type { ReplayableAudience } from './audiences.ts';
import { UserAudience } from './audiences.ts';
import { Refused } from './errors.ts';

/** What an audience hears of the log up to `position`. */
export interface Heard {
  events: readonly LogEvent[];
  position: number;
}

/** The same out of the database, with the epoch of its snapshot. */
export interface HeardInEpoch extends Heard {
  epoch: string;
}

/** Joining and leaving of one user, oldest first. */
interface Move {
  kind: string;
  group_id: number | null;
}

interface BacklogRow extends FeedRow {
  floor: number;
  head: number;
  epoch: string;
  moves: Move[] | null;
  now_in: number[] | null;
}

const LIMIT_MS = 5000;
/** Readings that may wait for their turn: at some milliseconds each, a few seconds of work. */
const MOST_WAITING = 1000;

/**
 * The log behind the node's memory, read from the database for polls and streams that come back from far behind. On a
 * session of its own and one page at a time, so that a thousand who catch up delay each other and nobody else.
 */
export class Backlog {
  readonly #session: StandingSession;
  readonly #underWay = new Map<string, Promise<HeardInEpoch>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(session: StandingSession) {
    this.#session = session;
  }

  /**
   * A page of what an audience hears after `position`; one reading for all who want the same.
   * @throws {CursorExpiredError} where retention has passed the position; {Refused} overloaded; the database's error.
   */
  read(audience: ReplayableAudience, position: number): Promise<HeardInEpoch> {
    const key = `${position} ${audience.id}`;
    const shared = this.#underWay.get(key);
    if (shared) return shared;
    if (this.#underWay.size >= MOST_WAITING) {
      return Promise.reject(
        new Refused('overloaded', { sentence: 'too many clients catch up on this node: try another, or later' }),
      );
    }
    const reading = this.#last.then(() => this.#read(audience, position)).finally(() => this.#underWay.delete(key));
    this.#underWay.set(key, reading);
    this.#last = reading.catch(() => {});
    return reading;
  }

  /**
   * Everything is read in one snapshot, the log's floor too, so retention that runs meanwhile cannot make a silent gap.
   * Each branch is limited by itself, so a page costs the same however long the log is.
   */
  async #read(audience: ReplayableAudience, position: number): Promise<HeardInEpoch> {
    const rows = await this.#session.query<BacklogRow>(
      {
        name: 'backlog',
        text: QUERY,
        values: [
          position,
          audience.roster?.userId ?? null,
          audience.groupId,
          audience.name,
          audience instanceof UserAudience,
        ],
      },
      LIMIT_MS,
    );
    const first = rows[0];
    if (!first || position < first.floor) throw new CursorExpiredError('retention');
    const candidates = rows.filter((row) => row.position !== null).map((row) => toLogEvent(row, first.epoch));
    const membership = rewind(new Set(first.now_in), first.moves ?? []);
    const end = candidates.length === PAGE ? (candidates.at(-1)?.position ?? first.head) : first.head;
    return { ...pageOf(replay(audience, candidates, membership), end), epoch: first.epoch };
  }
}

const QUERY = `
  WITH moves AS MATERIALIZED (
    SELECT position, kind, group_id FROM plantao.events WHERE user_id = $2::bigint AND position > $1::bigint
  ), now_in AS MATERIALIZED (
    SELECT group_id FROM plantao.memberships WHERE user_id = $2::bigint
  ), heard_groups AS (
    SELECT $3::bigint AS id WHERE $3 IS NOT NULL
    UNION SELECT id FROM plantao.groups WHERE name = $4::text
    UNION SELECT group_id FROM now_in WHERE $5::boolean
    UNION SELECT group_id FROM moves WHERE $5
  ), found AS (
    SELECT e.position FROM heard_groups g CROSS JOIN LATERAL (
      SELECT position FROM plantao.events WHERE group_id = g.id AND position > $1 ORDER BY position LIMIT ${PAGE}) e
    UNION SELECT * FROM (
      SELECT position FROM plantao.events WHERE topic = $4 AND position > $1 ORDER BY position LIMIT ${PAGE}) t
    UNION SELECT * FROM (
      SELECT position FROM plantao.events WHERE kind = 'broadcast' AND position > $1 ORDER BY position LIMIT ${PAGE}) b
    UNION SELECT position FROM moves WHERE $5
  ), page AS (
    SELECT position AS at_position, row_number() OVER (ORDER BY position) AS number FROM found
    ORDER BY position LIMIT ${PAGE}
  )
  SELECT b.floor, b.head, b.epoch,
    CASE WHEN page.number IS NULL OR page.number = 1 THEN
      (SELECT json_agg(json_build_object('kind', kind, 'group_id', group_id) ORDER BY position) FROM moves) END AS moves,
    CASE WHEN page.number IS NULL OR page.number = 1 THEN (SELECT json_agg(group_id) FROM now_in) END AS now_in, f.*
  FROM plantao.log_bounds b
  LEFT JOIN page ON true
  LEFT JOIN plantao.event_feed f ON f.position = page.at_position
  ORDER BY page.number`;

/** The first of `events` that fit an answer; the position is `end` where all do. */
export function pageOf(events: readonly LogEvent[], end: number): Heard {
  const page = new Page();
  for (const event of events) if (!page.add(event)) break;
  return { events: page.events, position: page.isFull && page.last ? page.last.position : end };
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
