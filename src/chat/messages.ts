import { QueryTypes, type Sequelize } from 'sequelize';
import type { Write } from '../database/fenced-write.ts';
import { Message } from '../database/models.ts';
import { formatCursor } from '../events/cursor.ts';
import { Refused } from './errors.ts';

/** A message as GET /messages shows it. */
interface MessageView {
  id: number;
  sender: string;
  sender_id: number;
  content: string;
  timestamp: string;
  edited_at?: string;
}

/** A page of a group's messages: the newest, the one before an id, or the one after it. */
export interface PageOf {
  groupId: number;
  limit: number;
  before?: number | undefined;
  after?: number | undefined;
}

/** A page, oldest first. The cursor is the log's head in the same snapshot: events continue there without gap or overlap. */
export interface MessagePage {
  messages: MessageView[];
  hasMore: boolean;
  cursor: string;
}

interface PageRow {
  head: number;
  epoch: string;
  id: number | null;
  sender: string;
  sender_id: number;
  content: string;
  created_at: Date | number;
  edited_at: Date | number | null;
  has_more: boolean;
}

/** Bytes of content in a page: enough for the most ASCII messages of the greatest length. */
const MOST_BYTES = 2 * 1024 * 1024;

/** Reads and deletes messages; message-writer.ts stores them. */
export class Messages {
  readonly #sequelize: Sequelize;
  readonly #write: Write;

  constructor(sequelize: Sequelize, write: Write) {
    this.#sequelize = sequelize;
    this.#write = write;
  }

  /**
   * Returns a page, read by index (messages_by_group): the cost does not depend on the number of messages. One statement, so
   * that the page and the head come from one snapshot; Sequelize's finders would need two.
   * @throws {Refused} group_not_found.
   */
  async page({ groupId, limit, before, after }: PageOf): Promise<MessagePage> {
    const order = after === undefined ? 'DESC' : 'ASC';
    const rows = await this.#sequelize.query<PageRow>(
      `SELECT b.head, b.epoch, page.id, page.sender, page.sender_id, page.content, page.created_at, page.edited_at,
              page.has_more
       FROM plantao.groups g CROSS JOIN plantao.log_bounds b
       LEFT JOIN LATERAL (
         SELECT id, sender, sender_id, content, created_at, edited_at, number = $most AND found > $most
                  OR found > number AND bytes >= ${MOST_BYTES} AS has_more
         FROM (
           SELECT m.*, row_number() OVER page_order AS number, count(*) OVER () AS found,
                  sum(octet_length(m.content)) OVER page_order AS bytes
           FROM (
             SELECT m.id, u.username AS sender, m.sender_id, m.content, m.created_at, m.edited_at
             FROM plantao.messages m JOIN plantao.users u ON u.id = m.sender_id
             WHERE m.group_id = g.id AND m.id < $before AND m.id > $after
             ORDER BY m.id ${order} LIMIT $most + 1
           ) m WINDOW page_order AS (ORDER BY m.id ${order})
         ) sized
         WHERE number <= $most AND (number = 1 OR bytes - octet_length(content) < ${MOST_BYTES})
       ) page ON true
       WHERE g.id = $groupId
       ORDER BY page.id`,
      {
        bind: { groupId, before: before ?? Number.MAX_SAFE_INTEGER, after: after ?? 0, most: limit },
        type: QueryTypes.SELECT,
      },
    );
    const first = rows[0];
    if (!first) throw new Refused('group_not_found');
    const messages = rows.flatMap((row) => view(row) ?? []);
    const cursor = formatCursor({ epoch: first.epoch, position: first.head });
    return { messages, hasMore: rows.some((row) => row.has_more), cursor };
  }

  /** Returns the group and sender of a message. @throws {Refused} message_not_found. */
  async find(messageId: number): Promise<Message> {
    const message = await Message.findByPk(messageId, { attributes: ['id', 'groupId', 'senderId'] });
    if (!message) throw new Refused('message_not_found');
    return message;
  }

  /** Deletes a message; a trigger notifies its group. @throws {Refused} message_not_found. */
  async delete(messageId: number): Promise<void> {
    await this.#write(async (transaction) => {
      const deleted = await Message.destroy({ where: { id: messageId }, transaction });
      if (deleted === 0) throw new Refused('message_not_found');
    });
  }
}

/** Returns null if the row has no message, or a time that JavaScript cannot represent. Such a message is left out. */
function view({ id, sender, sender_id, content, created_at, edited_at }: PageRow): MessageView | null {
  const timestamp = iso(created_at);
  if (id === null || timestamp === null) return null;
  const editedAt = iso(edited_at);
  return { id, sender, sender_id, content, timestamp, ...(editedAt === null ? {} : { edited_at: editedAt }) };
}

const iso = (time: unknown) => (time instanceof Date && !Number.isNaN(time.getTime()) ? time.toISOString() : null);
