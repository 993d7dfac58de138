import { formatCursor } from './cursor.ts';

/** What the log can tell of; see the comment on plantao.events. */
export type EventKind = 'message' | 'message_deleted' | 'joined' | 'left' | 'notification' | 'broadcast';

/** A row of the view plantao.event_feed. */
export interface FeedRow {
  position: number;
  kind: EventKind;
  group_id: number | null;
  group_name: string | null;
  topic: string | null;
  user_id: number | null;
  username: string | null;
  message_id: number | null;
  sender_id: number | null;
  sender: string | null;
  content: string | null;
  sent_at: Date | null;
  payload: unknown;
  at: Date;
}

/** One event in a node's memory: what decides who hears it, and the JSON that they get, made once for all of them. */
export interface LogEvent {
  readonly position: number;
  /** Of its own position, in the epoch under which it was read. */
  readonly cursor: string;
  readonly kind: EventKind;
  readonly groupId: number | null;
  readonly groupName: string | null;
  readonly topic: string | null;
  readonly userId: number | null;
  readonly messageId: number | null;
  /** The message alone, as GET /messages shows it; null unless kind is message. */
  message: string | null;
  /** The whole event; null once its message has been deleted, and then nobody hears it. */
  json: string | null;
}

/** The names under which waiters are found: of a group, of a name (a free topic's or a group's), of a user's own joining and leaving, of all. */
export const topicOf = {
  group: (id: number) => `g:${id}`,
  name: (name: string) => `t:${name}`,
  user: (id: number) => `u:${id}`,
  everyone: '*',
};

/** The topics that an event belongs to, each once. */
export function topicsOf(event: LogEvent): string[] {
  if (event.kind === 'broadcast') return [topicOf.everyone];
  const topics: string[] = [];
  if (event.groupId !== null) topics.push(topicOf.group(event.groupId));
  if (event.groupName !== null) topics.push(topicOf.name(event.groupName));
  if (event.topic !== null && event.topic !== event.groupName) topics.push(topicOf.name(event.topic));
  if (event.userId !== null) topics.push(topicOf.user(event.userId));
  return topics;
}

/** Makes the event of a row; its cursor carries `epoch`. */
export function toLogEvent(row: FeedRow, epoch: string): LogEvent {
  const message = row.kind === 'message' && row.sent_at !== null ? JSON.stringify(messageOf(row)) : null;
  const cursor = formatCursor({ epoch, position: row.position });
  const head = `{"cursor":"${cursor}","kind":"${row.kind}"`;
  const tail = JSON.stringify({ ...detailsOf(row), at: row.at.toISOString() }).slice(1);
  const body = message === null ? `,${tail}` : `,"message":${message},${tail}`;
  return {
    position: row.position,
    cursor,
    kind: row.kind,
    groupId: row.group_id,
    groupName: row.group_name,
    topic: row.topic,
    userId: row.user_id,
    messageId: row.message_id,
    message,
    json: row.kind === 'message' && message === null ? null : head + body,
  };
}

function messageOf(row: FeedRow) {
  return {
    id: row.message_id,
    sender: row.sender,
    sender_id: row.sender_id,
    content: row.content,
    timestamp: row.sent_at?.toISOString(),
  };
}

function detailsOf(row: FeedRow) {
  switch (row.kind) {
    case 'message':
      return { group_id: row.group_id };
    case 'message_deleted':
      return { group_id: row.group_id, message_id: row.message_id };
    case 'joined':
    case 'left':
      return { group_id: row.group_id, group: row.group_name, user_id: row.user_id, username: row.username };
    case 'notification':
      // What a free topic hears is heard by strangers to the group that hears it too: its id is not theirs to know.
      return {
        group: row.topic ?? row.group_name,
        group_id: row.topic === null ? row.group_id : null,
        payload: row.payload,
      };
    case 'broadcast':
      return { payload: row.payload };
  }
}
