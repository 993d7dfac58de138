import type { Sequelize } from 'sequelize';
import { modelsOf } from '../../database/models.ts';
import { query } from '../../database/query.ts';
import { rowsAfter, rowsUpTo } from '../../database/sql/key-range.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { formatCursor } from '../../events/cursor.ts';
import type { Log } from '../../log/log.ts';
import { Refused } from '../errors.ts';
import { lockMessage } from './lock-message.ts';
import { type MessageRow, type MessageView, messageView } from './message-view.ts';
import { ReactionAvailability } from './reaction-availability.ts';

/** A message as GET /messages shows it. */
interface PageMessage extends MessageView {
  reply_to?: object;
  meta?: object;
  /** Only in the user's own messages. */
  idempotency_key?: string;
  reactions?: object[];
}

/** A page of a group's messages: the newest, or the one before, after or around an id. */
export interface MessagePageOptions {
  groupId: number;
  limit: number;
  before?: number | undefined;
  after?: number | undefined;
  /** Half of the page is older than this id, the other half begins with it. Not together with `before` or `after`. */
  around?: number | undefined;
  /** The user whose own reactions are marked, and whose own messages have their idempotency keys. */
  userId?: number | undefined;
}

/** A page, oldest first. The cursor is the log's head in the same snapshot: events continue there without gap or overlap. */
export interface MessagePage {
  messages: PageMessage[];
  /** True if there are more in the requested direction; around a message, if there are older ones. */
  hasMore: boolean;
  /** True if there are newer messages too; only around a message. */
  hasNewer: boolean;
  /** False while reactions cannot be read: the messages lack theirs. */
  hasReactions: boolean;
  cursor: string;
}

/** A group without messages has one row, whose id is null. */
type MessagePageRow = (MessageRow | { id: null }) & {
  head: number;
  epoch: string;
  reply_to: object | null;
  meta: object | null;
  idempotency_key: string | null;
  reactions: object[] | null;
  has_more: boolean;
  has_newer: boolean;
};

/**
 * Maximum bytes of a page as JSON: enough for the largest page of the longest messages in ASCII. Control characters take six bytes each:
 * without a limit, a page could have 12 MB, and writing it would block the event loop for a third of a second.
 */
const MAX_BYTES = 2 * 1024 * 1024;

const MESSAGE = ['m.group_id', 'm.id'] as const;
const OLDER = { rows: rowsUpTo(MESSAGE, 'g.id', '$newest'), order: 'DESC', condition: 'true' };
const NEWER = { rows: rowsAfter(MESSAGE, 'g.id', '$after'), order: 'ASC', condition: 'true' };
const BETWEEN = { ...NEWER, condition: 'm.id <= $newest' };

/** Selects the messages of one direction that fit `maxBytes`, nearest first; `limit` is the bind with their maximum number. */
const selection = ({ rows, order, condition }: typeof OLDER, limit: string, maxBytes: number) => `
  SELECT id, sender, sender_id, is_hook, content, created_at, edited_at, reply_to_id, meta, idempotency_key,
         number = ${limit} AND found > ${limit} OR found > number AND bytes >= ${maxBytes} AS has_more
  FROM (
    SELECT m.*, row_number() OVER page_order AS number, count(*) OVER () AS found,
           sum(m.size) OVER page_order AS bytes
    FROM (
      SELECT m.id, u.username AS sender, m.sender_id, u.is_hook, m.content, m.created_at, m.edited_at, m.reply_to_id, m.meta,
             CASE WHEN m.sender_id = $userId::bigint THEN m.idempotency_key END AS idempotency_key,
             octet_length(to_json(m.content)::text) + coalesce(octet_length(m.meta::text), 0) AS size
      FROM plantao.messages m JOIN plantao.users u ON u.id = m.sender_id
      WHERE ${rows}
      ORDER BY m.group_id ${order}, m.id ${order} LIMIT ${limit} + 1
    ) m WHERE ${condition} WINDOW page_order AS (ORDER BY m.id ${order})
  ) sized
  WHERE number <= ${limit} AND (number = 1 OR bytes - size < ${maxBytes})`;

const REACTIONS = `
  (SELECT json_agg(json_build_object('emoji', k.emoji, 'count', k.count, 'mine', EXISTS (
            SELECT FROM plantao.reactions r
            WHERE r.message_id = k.message_id AND r.user_id = $userId::bigint AND r.emoji = k.emoji))
          ORDER BY k.count DESC, k.emoji)
   FROM plantao.reaction_counts k WHERE k.message_id = page.id)`;

/** Completes a selection of messages with the log's head, reactions and previews of the messages that are replied to. */
const completed = (page: string, withReactions: boolean) => `
  SELECT b.head, b.epoch, page.*,
         CASE WHEN page.reply_to_id IS NOT NULL THEN plantao.reply_preview(page.reply_to_id, g.id) END AS reply_to,
         ${withReactions ? REACTIONS : 'NULL'} AS reactions
  FROM plantao.groups g CROSS JOIN plantao.log_bounds b
  LEFT JOIN LATERAL (${page}) page ON true
  WHERE g.id = $groupId AND g.deleted_at IS NULL
  ORDER BY page.id`;

const pageQuery = (after: number | undefined) => `
  SELECT p.*, false AS has_newer
  FROM (${selection(after === undefined ? OLDER : BETWEEN, '$limit', MAX_BYTES)}) p`;

const AROUND_QUERY = `
  SELECT o.*, false AS has_newer FROM (${selection(OLDER, '$maxOlder', MAX_BYTES / 2)}) o
  UNION ALL
  SELECT n.id, n.sender, n.sender_id, n.is_hook, n.content, n.created_at, n.edited_at, n.reply_to_id, n.meta, n.idempotency_key, false, n.has_more
  FROM (${selection(NEWER, '$limit', MAX_BYTES / 2)}) n`;

/** Reads and deletes messages; message-writer.ts stores them. */
export class Messages {
  readonly #sequelize: Sequelize;
  readonly #write: Write;
  readonly #reactionAvailability: ReactionAvailability;

  constructor(sequelize: Sequelize, write: Write, log: Log) {
    this.#sequelize = sequelize;
    this.#reactionAvailability = new ReactionAvailability(sequelize, log);
    this.#write = write;
  }

  /**
   * Returns a page, read by the index messages_by_group: the cost does not depend on the number of messages. One statement, so that
   * the page and the log's head come from one snapshot; Sequelize's finders would need two.
   * @throws {Refused} group_not_found.
   */
  async page({ groupId, limit, before, after, around, userId }: MessagePageOptions): Promise<MessagePage> {
    const end = around ?? before;
    const olderHalf = Math.floor(limit / 2);
    const page = around === undefined ? pageQuery(after) : AROUND_QUERY;
    const bind = {
      groupId,
      userId: userId ?? null,
      newest: end === undefined ? Number.MAX_SAFE_INTEGER : end - 1,
      after: around === undefined ? (after ?? 0) : around - 1,
      limit: around === undefined ? limit : limit - olderHalf,
      ...(around !== undefined && { maxOlder: olderHalf }),
    };
    const { result: rows, isComplete } = await this.#reactionAvailability.read((withReactions) =>
      query<MessagePageRow>(this.#sequelize, completed(page, withReactions), bind),
    );
    const first = rows[0];
    if (!first) throw new Refused('group_not_found');
    return {
      messages: rows.flatMap((row) => pageMessage(row) ?? []),
      hasMore: rows.some((row) => row.has_more),
      hasNewer: rows.some((row) => row.has_newer),
      hasReactions: isComplete,
      cursor: formatCursor({ epoch: first.epoch, position: first.head }),
    };
  }

  /**
   * Deletes a message; a trigger notifies its group. `actorId` is null where callers are not authenticated (AUTH=open).
   * @throws {Refused} message_not_found, also if the actor neither sent it nor is in its group; forbidden if the actor is another
   * plain member; {NotActiveError}.
   */
  async delete(messageId: number, actorId: number | null): Promise<void> {
    await this.#write(async (transaction) => {
      const { senderId, role } = await lockMessage(messageId, actorId, transaction);
      if (actorId !== null && actorId !== senderId) {
        if (role === null) throw new Refused('message_not_found');
        if (role === 'member') {
          const sentence = 'only its sender, and owners and admins of the group, may delete a message';
          throw new Refused('forbidden', { sentence });
        }
      }
      await modelsOf(transaction).Message.destroy({ where: { id: messageId }, transaction });
    });
  }
}

/** Returns null if the row has no message, or one that cannot be shown. */
function pageMessage(row: MessagePageRow): PageMessage | null {
  const message = row.id === null ? null : messageView(row);
  if (message === null) return null;
  const { reply_to, meta, idempotency_key, reactions } = row;
  return {
    ...message,
    ...(reply_to && { reply_to }),
    ...(meta && { meta }),
    ...(idempotency_key !== null && { idempotency_key }),
    ...(reactions && { reactions }),
  };
}
