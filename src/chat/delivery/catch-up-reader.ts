import { type Clock, threadClock } from '../../async/clock.ts';
import { FairQueue } from '../../async/fair-queue.ts';
import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import { rowsAfter } from '../../database/sql/key-range.ts';
import { CursorExpiredError } from '../../events/cursor.ts';
import { BYTES_BEFORE, FEED, type FeedRow, FITS } from '../../events/event-feed.ts';
import { PAGE_SIZE } from '../../events/reading/delivery-page.ts';
import type { EventDecoder } from '../../events/reading/event-decoder.ts';
import { Refused } from '../errors.ts';
import { type ReplayableAudience, UserAudience } from './audiences.ts';
import { firstPage, type Replayed, replay } from './replay.ts';

/** A page of past events for one audience, with the epoch of the snapshot that it was read from. */
export interface CatchUpPage extends Replayed {
  epoch: string;
}

/** A poll or stream that requests a page. Nothing is read for one whose client has disconnected. */
interface PageRequest {
  readonly audience: ReplayableAudience;
  readonly hasEnded: boolean;
}

/** One page to be read, shared by all requests for the same audience and position. */
class PendingPage {
  readonly audience: ReplayableAudience;
  readonly position: number;
  readonly since: number;
  readonly requests: PageRequest[] = [];
  readonly page: Promise<CatchUpPage | null>;
  resolve: (page: CatchUpPage | null) => void = () => {};
  reject: (error: unknown) => void = () => {};

  constructor(audience: ReplayableAudience, position: number, since: number) {
    this.audience = audience;
    this.position = position;
    this.since = since;
    this.page = new Promise((resolve, reject) => {
      this.resolve = resolve;
      this.reject = reject;
    });
  }

  get key(): string {
    return keyOf(this.audience, this.position);
  }
}

const keyOf = ({ id }: ReplayableAudience, position: number) => `${position} ${id}`;

interface CatchUpRow extends FeedRow {
  floor: number;
  head: number;
  epoch: string;
  is_too_far: boolean;
  /** True if more events were found than fit the page. */
  is_full: boolean;
  groups_before: number[] | null;
}

/** Timeout of the query for one page, which takes a few milliseconds, and a hundred times that on a busy server. */
const LIMIT_MS = 5000;
/** A request that has waited this long is refused: another node can serve the client sooner. */
const MAX_WAIT_MS = 5000;
/** Maximum number of pages that may wait: as many as {@link MAX_WAIT_MS} allows at a few milliseconds each. */
const MAX_WAITING = 1000;
/** Maximum number of joins and leaves of one user that are examined for a page, 20 ms of work, or more than a hundred an hour for a week. */
const MAX_CHANGES = 20_000;

/**
 * Reads the log from the database for polls and streams whose cursor lies before the tail in memory. It has a session of its own
 * and reads one page at a time, so that a thousand clients that catch up delay each other, but not those that wait for new events.
 * Audiences take turns, so that one whose clients catch up from a thousand different cursors delays only itself.
 */
export class CatchUpReader {
  readonly #session: Pick<ReconnectingSession, 'query'>;
  readonly #decoder: EventDecoder;
  readonly #clock: Clock;
  readonly #queue = new FairQueue<PendingPage>(MAX_WAITING);
  readonly #pending = new Map<string, PendingPage>();
  #isPumping = false;

  constructor(session: Pick<ReconnectingSession, 'query'>, decoder: EventDecoder, clock: Clock = threadClock) {
    this.#session = session;
    this.#decoder = decoder;
    this.#clock = clock;
  }

  /**
   * Returns a page of the events that an audience missed after `position`, or null if all clients that requested it left
   * before it was read.
   * @throws {CursorExpiredError} if retention has removed the events after the position, or the user has joined and left too many
   * groups since; {Refused} overloaded; the database's error.
   */
  read(request: PageRequest, position: number): Promise<CatchUpPage | null> {
    const { audience } = request;
    let pending = this.#pending.get(keyOf(audience, position));
    if (!pending) {
      pending = new PendingPage(audience, position, this.#clock());
      if (!this.#queue.push(audience.id, pending)) return Promise.reject(overloaded());
      this.#pending.set(pending.key, pending);
    }
    pending.requests.push(request);
    if (!this.#isPumping) void this.#pump();
    return pending.page;
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    for (let pending = this.#next(); pending; pending = this.#next()) {
      try {
        pending.resolve(await this.#readIfWanted(pending));
      } catch (error) {
        pending.reject(error);
      }
      this.#pending.delete(pending.key);
    }
    this.#isPumping = false;
  }

  #next(): PendingPage | undefined {
    let isTaken = false;
    const [pending] = this.#queue.take(() => {
      if (isTaken) return 'stop';
      isTaken = true;
      return 'take';
    });
    return pending;
  }

  async #readIfWanted(pending: PendingPage): Promise<CatchUpPage | null> {
    if (pending.requests.every(({ hasEnded }) => hasEnded)) return null;
    if (this.#clock() - pending.since > MAX_WAIT_MS) throw overloaded();
    return this.#readPage(pending);
  }

  /**
   * Reads everything in one snapshot, including the log's floor, so that concurrent retention cannot cause a silent
   * gap. Each branch has its own limit, so that a page costs the same however long the log is.
   */
  async #readPage({ audience, position }: PendingPage): Promise<CatchUpPage> {
    const { memberships, groupId, name } = audience;
    const rows = await this.#session.query<CatchUpRow>(
      {
        name: 'catch_up',
        text: QUERY,
        values: [position, memberships?.userId ?? null, groupId, name, audience instanceof UserAudience],
      },
      LIMIT_MS,
    );
    const first = rows[0];
    if (!first || position < first.floor) throw new CursorExpiredError('retention');
    if (first.is_too_far) throw new CursorExpiredError('too_far');
    const candidates = rows.filter((row) => row.position !== null).map((row) => this.#decoder.decode(row, first.epoch));
    const end = first.is_full ? (candidates.at(-1)?.position ?? first.head) : first.head;
    return { ...firstPage(replay(audience, candidates, new Set(first.groups_before)), end), epoch: first.epoch };
  }
}

const overloaded = () =>
  new Refused('overloaded', {
    sentence: 'too many clients are catching up on this node: try another node, or try again later',
  });

const OF_USER = `${rowsAfter(['user_id', 'position'], '$2::bigint', '$1::bigint')} AND user_id IS NOT NULL`;

// $1 position, $2 the user whose memberships decide, $3 a group, $4 a name, $5 true for all groups of that user.
// groups_before is membershipsBefore() of membership-order.ts in SQL. The first change in a group after the position shows
// whether the user was in it then. Without a change, the user was in it then if the user is in it now.
const QUERY = `
  WITH changes AS MATERIALIZED (
    SELECT position, kind, group_id FROM plantao.events
    WHERE ${rowsAfter(['(user_id + 0)', 'position'], '$2::bigint', '$1::bigint')} AND kind IN ('joined', 'left')
    ORDER BY user_id + 0, position LIMIT ${MAX_CHANGES + 1}
  ), first_changes AS MATERIALIZED (
    SELECT DISTINCT ON (group_id) group_id, kind FROM changes ORDER BY group_id, position
  ), groups_before AS MATERIALIZED (
    SELECT m.group_id FROM plantao.memberships m
    WHERE m.user_id = $2 AND NOT EXISTS (SELECT FROM first_changes f WHERE f.group_id = m.group_id)
    UNION ALL SELECT group_id FROM first_changes WHERE kind = 'left'
  ), groups_of_interest AS (
    SELECT $3::bigint AS id WHERE $3 IS NOT NULL
    UNION SELECT id FROM plantao.groups WHERE name = $4::text AND $2 IS NULL
    -- Groups that had the name then.
    UNION SELECT group_id FROM plantao.events
      WHERE topic = $4 AND position > $1 AND kind IN ('group_changed', 'group_deleted') AND $2 IS NULL
    -- By name, only the user's own groups are searched: the number of other groups with this name must not matter.
    UNION SELECT mine.group_id FROM (SELECT group_id FROM groups_before UNION SELECT group_id FROM first_changes) mine
      WHERE EXISTS (SELECT FROM plantao.groups WHERE id = mine.group_id AND name = $4 OFFSET 0)
        OR EXISTS (SELECT FROM plantao.events e
                   WHERE ${rowsAfter(['(e.group_id + 0)', 'e.position'], 'mine.group_id', '$1')} AND e.kind IN ('group_changed', 'group_deleted')
                     AND e.topic IS NOT NULL AND e.topic = $4 OFFSET 0)
    UNION SELECT group_id FROM groups_before WHERE $5::boolean
    UNION SELECT group_id FROM (SELECT group_id FROM changes ORDER BY position LIMIT ${PAGE_SIZE}) c WHERE $5
  ), found AS (
    SELECT e.position FROM groups_of_interest g CROSS JOIN LATERAL (
      SELECT position FROM plantao.events WHERE ${rowsAfter(['group_id', 'position'], 'g.id', '$1')} AND group_id IS NOT NULL
      ORDER BY group_id, position LIMIT ${PAGE_SIZE}) e
    UNION SELECT * FROM (
      SELECT position FROM plantao.events WHERE ${rowsAfter(['topic', 'position'], '$4', '$1')} AND topic IS NOT NULL
      ORDER BY topic, position LIMIT ${PAGE_SIZE}) t
    UNION SELECT * FROM (
      SELECT position FROM plantao.events WHERE kind = 'broadcast' AND position > $1 ORDER BY position LIMIT ${PAGE_SIZE}) b
    UNION SELECT * FROM (
      SELECT position FROM plantao.events WHERE $5 AND ${OF_USER} ORDER BY user_id, position LIMIT ${PAGE_SIZE}) m
  ), page AS MATERIALIZED (
    SELECT position AS at_position FROM found ORDER BY position LIMIT ${PAGE_SIZE}
  ), sized AS (
    SELECT f.*, ${BYTES_BEFORE} FROM page JOIN plantao.event_feed f ON f.position = page.at_position
  ), fitting AS (
    SELECT ${FEED}, row_number() OVER (ORDER BY position) AS number FROM sized WHERE ${FITS}
  ), counted AS (
    SELECT (SELECT count(*) FROM page) AS found, (SELECT count(*) FROM sized WHERE ${FITS}) AS fitting
  )
  SELECT b.floor, b.head, b.epoch, (SELECT count(*) > ${MAX_CHANGES} FROM changes) AS is_too_far,
    counted.found = ${PAGE_SIZE} OR counted.fitting < counted.found AS is_full,
    CASE WHEN f.number IS NULL OR f.number = 1 THEN (SELECT json_agg(group_id) FROM groups_before) END AS groups_before, f.*
  FROM plantao.log_bounds b CROSS JOIN counted
  LEFT JOIN fitting f ON true
  ORDER BY f.number`;
