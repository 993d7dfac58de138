import type { Sequelize } from 'sequelize';
import { query } from '../../database/query.ts';
import { rowsUpTo } from '../../database/sql/key-range.ts';
import { formatCursor } from '../../events/cursor.ts';
import { FEED, type FeedRow } from '../../events/event-feed.ts';
import { EventDecoder } from '../../events/reading/event-decoder.ts';
import { Refused } from '../errors.ts';

/** A page of the events about a group itself, oldest first. */
export interface GroupEventPage {
  /** The events, as polls deliver them. */
  events: object[];
  /** True if there are older ones that retention has not removed. */
  hasMore: boolean;
  /** The log's head in the same snapshot: events continue there. */
  cursor: string;
}

/** A group without events has one row, whose position is null. */
type Row = (FeedRow | { position: null }) & { head: number; epoch: string };

/**
 * One statement, so that the page and the log's head come from one snapshot. The index events_about_groups has these kinds only:
 * the cost does not depend on the number of messages. `group_id + 0` is the expression that it indexes.
 */
const PAGE = `
  SELECT b.head, b.epoch, f.*
  FROM plantao.groups g CROSS JOIN plantao.log_bounds b
  LEFT JOIN LATERAL (
    SELECT ${FEED}
    FROM (SELECT e.position AS at_position FROM plantao.events e
          WHERE ${rowsUpTo(['(e.group_id + 0)', 'e.position'], 'g.id', '$newest')}
            AND e.kind IN ('joined', 'left', 'role_changed', 'group_changed')
          ORDER BY e.group_id + 0 DESC, e.position DESC LIMIT $limit + 1) found
    JOIN plantao.event_feed ON position = found.at_position AND found.at_position > b.floor
  ) f ON true
  WHERE g.id = $groupId AND g.deleted_at IS NULL
  ORDER BY f.position`;

/** Reads the events about groups: joins and leaves, changes of roles, names and descriptions. They exist until retention removes them. */
export class GroupEvents {
  readonly #sequelize: Sequelize;
  /** No logger: the event-log reader already logs undecodable events. */
  readonly #decoder = new EventDecoder();

  constructor(sequelize: Sequelize) {
    this.#sequelize = sequelize;
  }

  /** Returns the newest events of a group, or those before a position. @throws {Refused} group_not_found. */
  async page(groupId: number, limit: number, before?: number): Promise<GroupEventPage> {
    const newest = before === undefined ? Number.MAX_SAFE_INTEGER : before - 1;
    const rows = await query<Row>(this.#sequelize, PAGE, { groupId, limit, newest });
    const [first] = rows;
    if (!first) throw new Refused('group_not_found');
    const { epoch, head } = first;
    const found = rows.filter((row): row is FeedRow & Row => row.position !== null);
    return {
      events: found.slice(-limit).flatMap((row) => {
        const { json } = this.#decoder.decode(row, epoch);
        return json === null ? [] : (JSON.parse(json) as object);
      }),
      hasMore: found.length > limit,
      cursor: formatCursor({ epoch, position: head }),
    };
  }
}
