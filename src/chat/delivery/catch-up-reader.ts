import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import { CursorExpiredError } from '../../events/cursor.ts';
import { PAGE_SIZE } from '../../events/delivery-page.ts';
import { EventDecoder } from '../../events/event-decoder.ts';
import { BYTES_BEFORE, FEED, type FeedRow, FITS } from '../../events/event-feed.ts';
import { Refused } from '../errors.ts';
import { FairQueue } from '../fair-queue.ts';
import { type ReplayableAudience, UserAudience } from './audiences.ts';
import { pageOf, type Replayed, replay } from './replay.ts';

/** What is heard out of the database, with the epoch of its snapshot. */
interface CatchUpPage extends Replayed {
  epoch: string;
}

/** Who wants a page of the log; nothing is read for clients that have left. */
interface PageRequest {
  readonly audience: ReplayableAudience;
  readonly isOver: boolean;
}

/** One page to be read, for all who want the same. */
class PendingPage {
  readonly audience: ReplayableAudience;
  readonly position: number;
  readonly since: number;
  readonly wanting: PageRequest[] = [];
  readonly heard: Promise<CatchUpPage | null>;
  resolve: (heard: CatchUpPage | null) => void = () => {};
  reject: (error: unknown) => void = () => {};

  constructor(audience: ReplayableAudience, position: number, since: number) {
    this.audience = audience;
    this.position = position;
    this.since = since;
    this.heard = new Promise((resolve, reject) => {
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
  /** More was found than fits the page. */
  is_full: boolean;
  then_in: number[] | null;
}

/** One page: some milliseconds, and on a busy server a hundred times that. */
const LIMIT_MS = 5000;
/** What has waited for its turn as long as this is refused: its client does better at another node. */
const MOST_WAIT_MS = 5000;
/** Readings that may wait for their turn: at some milliseconds each, as many as {@link MOST_WAIT_MS} allow. */
const MOST_WAITING = 1000;
/** A user's joining and leaving that are gone through for a page, 20 ms of work: a hundred an hour for a week. */
const MOST_MOVES = 20_000;

/**
 * The log behind the node's memory, read from the database for polls and streams that come back from far behind. On a
 * session of its own and one page at a time, so that a thousand who catch up delay each other and nobody else; audiences
 * take turns, so that one that comes back with a thousand cursors delays itself.
 */
export class CatchUpReader {
  readonly #session: Pick<ReconnectingSession, 'query'>;
  readonly #decoder: EventDecoder;
  readonly #clock: () => number;
  readonly #queue = new FairQueue<PendingPage>(MOST_WAITING);
  readonly #readings = new Map<string, PendingPage>();
  #isPumping = false;

  constructor(
    session: Pick<ReconnectingSession, 'query'>,
    clock: () => number = () => performance.now(),
    decoder: EventDecoder = new EventDecoder(),
  ) {
    this.#session = session;
    this.#decoder = decoder;
    this.#clock = clock;
  }

  /**
   * A page of what an audience hears after `position`; one reading for all who want the same, and null where all of them
   * have left before its turn came.
   * @throws {CursorExpiredError} where retention has passed the position, or too much has changed since; {Refused}
   * overloaded; the database's error.
   */
  read(wanting: PageRequest, position: number): Promise<CatchUpPage | null> {
    const { audience } = wanting;
    let reading = this.#readings.get(keyOf(audience, position));
    if (!reading) {
      reading = new PendingPage(audience, position, this.#clock());
      if (!this.#queue.push(audience.id, reading)) return Promise.reject(overloaded());
      this.#readings.set(reading.key, reading);
    }
    reading.wanting.push(wanting);
    if (!this.#isPumping) void this.#pump();
    return reading.heard;
  }

  async #pump(): Promise<void> {
    this.#isPumping = true;
    for (let reading = this.#next(); reading; reading = this.#next()) {
      try {
        reading.resolve(await this.#inItsTurn(reading));
      } catch (error) {
        reading.reject(error);
      }
      this.#readings.delete(reading.key);
    }
    this.#isPumping = false;
  }

  #next(): PendingPage | undefined {
    let isTaken = false;
    const [reading] = this.#queue.take(() => {
      if (isTaken) return 'stop';
      isTaken = true;
      return 'take';
    });
    return reading;
  }

  async #inItsTurn(reading: PendingPage): Promise<CatchUpPage | null> {
    if (reading.wanting.every(({ isOver }) => isOver)) return null;
    if (this.#clock() - reading.since > MOST_WAIT_MS) throw overloaded();
    return this.#read(reading);
  }

  /**
   * Everything is read in one snapshot, the log's floor too, so retention that runs meanwhile cannot make a silent gap.
   * Each branch is limited by itself, so a page costs the same however long the log is.
   */
  async #read({ audience, position }: PendingPage): Promise<CatchUpPage> {
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
    return { ...pageOf(replay(audience, candidates, new Set(first.then_in)), end), epoch: first.epoch };
  }
}

const overloaded = () =>
  new Refused('overloaded', { sentence: 'too many clients catch up on this node: try another, or later' });

// $1 position, $2 the user whose membership decides, $3 a group, $4 a name, $5 all groups of that user.
// The first move in a group since then tells whether the user was in it then; where there is none, it is as now.
const QUERY = `
  WITH moves AS MATERIALIZED (
    SELECT position, kind, group_id FROM plantao.events WHERE user_id = $2::bigint AND position > $1::bigint
    ORDER BY position LIMIT ${MOST_MOVES + 1}
  ), first_moves AS MATERIALIZED (
    SELECT DISTINCT ON (group_id) group_id, kind FROM moves ORDER BY group_id, position
  ), then_in AS MATERIALIZED (
    SELECT m.group_id FROM plantao.memberships m
    WHERE m.user_id = $2 AND NOT EXISTS (SELECT FROM first_moves f WHERE f.group_id = m.group_id)
    UNION ALL SELECT group_id FROM first_moves WHERE kind = 'left'
  ), heard_groups AS (
    SELECT $3::bigint AS id WHERE $3 IS NOT NULL
    UNION SELECT id FROM plantao.groups WHERE name = $4::text AND $2 IS NULL
    -- Of a name only the user's own: how many others call theirs so must not matter.
    UNION SELECT g.id FROM (SELECT group_id FROM then_in UNION SELECT group_id FROM first_moves) mine
      CROSS JOIN LATERAL (SELECT id FROM plantao.groups WHERE id = mine.group_id AND name = $4 OFFSET 0) g
    UNION SELECT group_id FROM then_in WHERE $5::boolean
    UNION SELECT group_id FROM (SELECT group_id FROM moves ORDER BY position LIMIT ${PAGE_SIZE}) m WHERE $5
  ), found AS (
    SELECT e.position FROM heard_groups g CROSS JOIN LATERAL (
      SELECT position FROM plantao.events WHERE group_id = g.id AND position > $1 ORDER BY position LIMIT ${PAGE_SIZE}) e
    UNION SELECT * FROM (
      SELECT position FROM plantao.events WHERE topic = $4 AND position > $1 ORDER BY position LIMIT ${PAGE_SIZE}) t
    UNION SELECT * FROM (
      SELECT position FROM plantao.events WHERE kind = 'broadcast' AND position > $1 ORDER BY position LIMIT ${PAGE_SIZE}) b
    UNION SELECT * FROM (SELECT position FROM moves WHERE $5 ORDER BY position LIMIT ${PAGE_SIZE}) m
  ), page AS MATERIALIZED (
    SELECT position AS at_position FROM found ORDER BY position LIMIT ${PAGE_SIZE}
  ), sized AS (
    SELECT f.*, ${BYTES_BEFORE} FROM page JOIN plantao.event_feed f ON f.position = page.at_position
  ), fitting AS (
    SELECT ${FEED}, row_number() OVER (ORDER BY position) AS number FROM sized WHERE ${FITS}
  ), counted AS (
    SELECT (SELECT count(*) FROM page) AS found, (SELECT count(*) FROM sized WHERE ${FITS}) AS fitting
  )
  SELECT b.floor, b.head, b.epoch, (SELECT count(*) > ${MOST_MOVES} FROM moves) AS is_too_far,
    counted.found = ${PAGE_SIZE} OR counted.fitting < counted.found AS is_full,
    CASE WHEN f.number IS NULL OR f.number = 1 THEN (SELECT json_agg(group_id) FROM then_in) END AS then_in, f.*
  FROM plantao.log_bounds b CROSS JOIN counted
  LEFT JOIN fitting f ON true
  ORDER BY f.number`;
