import type { Sequelize } from 'sequelize';
import { query } from '../../database/query.ts';
import { rowsAfter, rowsUpTo } from '../../database/sql/key-range.ts';
import { formatCursor } from '../../events/cursor.ts';
import { Refused } from '../errors.ts';
import { mentionPatternOf } from '../search/mention-pattern.ts';
import type { UserView } from '../users/users.ts';
import { MAX_GROUPS, MAX_LISTED } from './group-limits.ts';
import type { MemberRole } from './roles.ts';

/** A group as GET /chats lists it; `members` has fewer than `members_count` entries if there are too many to list. */
interface ListedChat {
  id: number;
  name: string;
  members: UserView[];
  members_count: number;
  /** True for the one chat of two users. */
  direct: boolean;
  description: string;
  archived: boolean;
  shows_reads: boolean;
  role: MemberRole;
  /** Messages of others after `last_read_id`, at most {@link MAX_UNREAD}. */
  unread: number;
  /** The number of them that have an @ and the user's current name. Only the newest {@link MAX_SEARCHED} with an @ are searched. */
  mentions: number;
  last_read_id: number;
  last_message: { id: number; sender: string; sender_id: number; excerpt: string; timestamp: string } | null;
}

/** A user's chats. The cursor is the log's head in the same snapshot: events continue there without gap or overlap. */
export interface ChatListView {
  user: UserView;
  chats: ListedChat[];
  cursor: string;
}

/**
 * The highest unread count, which means this many or more: the cost of counting must not grow with the history. A group with this
 * many messages after the read mark has this count even if the user sent some of them, because older messages are not counted.
 */
const MAX_UNREAD = 1000;
/** Mentions are counted in at most this many unread messages of a group, the newest with an @, because their texts may be long. */
const MAX_SEARCHED = 100;
/** Number of characters of the last message that a list shows. */
const EXCERPT = 200;

const MESSAGE = ['m.group_id', 'm.id'] as const;

const QUERY = `
  WITH mine AS (
    SELECT g.id, g.name, g.direct_low IS NOT NULL AS direct, g.description,
           g.archived_at IS NOT NULL AS archived, g.shows_reads, own.role, own.last_read_id, own.joined_at, size.members_count,
           $maxMembers - sum(size.members_count) OVER (ORDER BY size.members_count, g.id) + size.members_count AS room
    FROM (SELECT group_id, last_read_id, joined_at, role FROM plantao.memberships WHERE user_id = $userId
          ORDER BY group_id DESC LIMIT $maxGroups) own
    JOIN plantao.groups g ON g.id = own.group_id
    CROSS JOIN LATERAL (SELECT count(*) AS members_count FROM plantao.memberships WHERE group_id = g.id) size
  ), listed AS (
    SELECT mine.*, last.id AS last_id, last.sender, last.sender_id, last.excerpt, last.created_at AS last_at,
           unread.count AS unread,
           EXISTS (SELECT FROM (SELECT m.id, m.sender_id FROM plantao.messages m
                                WHERE ${rowsUpTo(MESSAGE, 'mine.id')} AND strpos(m.content, '@') > 0
                                ORDER BY m.group_id DESC, m.id DESC LIMIT ${MAX_SEARCHED}) x
                   WHERE x.sender_id <> $userId AND x.id > mine.last_read_id) AS has_at
    FROM mine
    CROSS JOIN LATERAL (
      SELECT CASE WHEN count(*) = ${MAX_UNREAD} THEN ${MAX_UNREAD} ELSE count(*) FILTER (WHERE x.sender_id <> $userId) END AS count
      FROM (SELECT m.sender_id FROM plantao.messages m WHERE ${rowsAfter(MESSAGE, 'mine.id', 'mine.last_read_id')}
            ORDER BY m.group_id, m.id LIMIT ${MAX_UNREAD}) x) unread
    LEFT JOIN LATERAL (
      SELECT m.id, u.username AS sender, m.sender_id, left(m.content, ${EXCERPT}) AS excerpt, m.created_at
      FROM (SELECT * FROM plantao.messages m WHERE ${rowsUpTo(MESSAGE, 'mine.id')}
            ORDER BY m.group_id DESC, m.id DESC LIMIT 1) m
      CROSS JOIN LATERAL (SELECT username FROM plantao.users WHERE id = m.sender_id OFFSET 0) u) last ON true
  )
  SELECT me.username, b.epoch, b.head,
         (SELECT json_agg(json_build_object('id', l.id, 'name', l.name, 'members_count', l.members_count, 'direct', l.direct,
            'description', l.description, 'archived', l.archived, 'shows_reads', l.shows_reads, 'role', l.role,
            'members', (SELECT coalesce(json_agg(json_build_object('id', u.id, 'username', u.username) ORDER BY u.id), '[]')
                        FROM (SELECT user_id FROM plantao.memberships WHERE group_id = l.id
                              ORDER BY user_id LIMIT greatest(l.room, 0)) m
                        CROSS JOIN LATERAL (SELECT id, username FROM plantao.users WHERE id = m.user_id OFFSET 0) u),
            'unread', l.unread, 'mentions', 0, 'has_at', l.has_at, 'last_read_id', l.last_read_id,
            'last_message', CASE WHEN l.last_id IS NOT NULL THEN json_build_object(
              'id', l.last_id, 'sender', l.sender, 'sender_id', l.sender_id, 'excerpt', l.excerpt,
              'timestamp', to_char(l.last_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')) END)
            ORDER BY greatest(l.last_at, l.joined_at) DESC, l.id DESC) FROM listed l) AS chats
  FROM plantao.users me CROSS JOIN plantao.log_bounds b WHERE me.id = $userId AND NOT me.is_hook AND me.erased_at IS NULL`;

/** Counts the mentions among the newest of the messages that the list has counted. Only for groups with an @ in one of those. */
const MENTIONS = `
  SELECT g.id, (SELECT count(*) FROM (
      SELECT m.id, m.sender_id, m.content FROM plantao.messages m
      WHERE ${rowsUpTo(MESSAGE, 'g.id', 'g.up_to')} AND strpos(m.content, '@') > 0
      ORDER BY m.group_id DESC, m.id DESC LIMIT ${MAX_SEARCHED}) x
    WHERE x.id > g.after AND x.sender_id <> $userId AND x.content ~ $pattern::text)::int AS mentions
  FROM unnest($ids::bigint[], $after::bigint[], $upTo::bigint[]) AS g (id, after, up_to)`;

/**
 * Lists a user's chats in one statement, which reads a bounded number of rows for each group, by index. Where an unread message may
 * mention the user, a second statement counts the mentions.
 */
export class ChatListReader {
  readonly #sequelize: Sequelize;

  constructor(sequelize: Sequelize) {
    this.#sequelize = sequelize;
  }

  /**
   * Returns the newest {@link MAX_GROUPS} groups of a user, the most recently active first, and up to {@link MAX_LISTED} of
   * their members, those of the smallest groups first.
   * @throws {Refused} user_not_found.
   */
  async of(userId: number): Promise<ChatListView> {
    const [row] = await query<{
      username: string;
      chats: (ListedChat & { has_at: boolean })[] | null;
      epoch: string;
      head: number;
    }>(this.#sequelize, QUERY, { userId, maxMembers: MAX_LISTED, maxGroups: MAX_GROUPS });
    if (!row) throw new Refused('user_not_found');
    const cursor = formatCursor({ epoch: row.epoch, position: row.head });
    const listed = row.chats ?? [];
    const mentions = await this.#mentions(
      { id: userId, username: row.username },
      listed.filter(({ has_at }) => has_at),
    );
    const chats = listed.map(({ has_at, ...chat }) => ({ ...chat, mentions: mentions.get(chat.id) ?? 0 }));
    return { user: { id: userId, username: row.username }, chats, cursor };
  }

  async #mentions({ id, username }: UserView, chats: readonly ListedChat[]): Promise<Map<number, number>> {
    if (chats.length === 0) return new Map();
    const rows = await query<{ id: number; mentions: number }>(this.#sequelize, MENTIONS, {
      userId: id,
      pattern: mentionPatternOf(username),
      ids: chats.map((chat) => chat.id),
      after: chats.map((chat) => chat.last_read_id),
      upTo: chats.map((chat) => chat.last_message?.id ?? 0),
    });
    return new Map(rows.map((row) => [row.id, row.mentions]));
  }
}
