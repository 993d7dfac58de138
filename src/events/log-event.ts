import { isoTime } from '../database/sql/timestamps.ts';
import { formatCursor } from './cursor.ts';
import type { FeedRow } from './event-feed.ts';
import { EventPayload, UndecodableEventError } from './event-payload.ts';

const KINDS = [
  'message',
  'message_edited',
  'message_deleted',
  'reaction',
  'read',
  'read_by',
  'role_changed',
  'group_changed',
  'group_deleted',
  'user_renamed',
  'joined',
  'left',
  'notification',
  'broadcast',
] as const;

/** The kinds of events; the comment on plantao.events explains them. */
export type EventKind = (typeof KINDS)[number];

/**
 * The part of a message that only its sender receives: the Idempotency-Key of the post, by which a device recognises the message
 * that it is still sending. All other members share one JSON, which does not have it.
 */
interface SenderEcho {
  readonly senderId: number;
  /** The end of the JSON of the sender's copy. */
  readonly end: string;
}

/** One event in a node's memory: the fields that decide who receives it, and its JSON, rendered once for all of them. */
export interface LogEvent {
  readonly position: number;
  /** The cursor of its position, in the epoch under which it was read. */
  readonly cursor: string;
  /** `unknown` is a kind that only a newer version knows. It is not delivered. */
  readonly kind: EventKind | 'unknown';
  readonly groupId: number | null;
  readonly groupName: string | null;
  /** The free topic of a notification; for group_changed and group_deleted, the name that the group had before. */
  readonly topic: string | null;
  readonly userId: number | null;
  readonly messageId: number | null;
  /** The message that it replies to, with the JSON of its preview in `message`. */
  quote?: { messageId: number; json: string };
  /** The message's sender, and the fields that only the sender's own copy has (recipient-json.ts). */
  echo?: SenderEcho;
  /** The message alone, as GET /messages shows it; null unless kind is message or message_edited. */
  message: string | null;
  /** The whole event; null if its message was deleted or edited again, or it cannot be decoded. Then it is not delivered. */
  json: string | null;
  /** True if it deletes an account: the events before it, as they are in memory, have its former name. */
  endsAccount?: true;
}

/** Returns true for a kind of event that this version knows. */
export const isKnownKind = (kind: unknown): kind is EventKind => KINDS.some((known) => known === kind);

/** Returns the event of a row; its cursor carries `epoch`. @throws {UndecodableEventError}. */
export function toLogEvent(row: FeedRow, epoch: string): LogEvent {
  const { kind } = row;
  if (!isKnownKind(kind)) throw new UndecodableEventError(`this version does not know the kind ${kind}`);
  if (row.problem !== undefined) throw new UndecodableEventError(row.problem);
  const carriesMessage = kind === 'message' || kind === 'message_edited';
  const message = carriesMessage && row.sent_at !== null ? messageJson(row) : null;
  const event = bareEvent(row, epoch);
  if (carriesMessage && (message === null || row.is_outdated === true)) return event;
  const text = message === null ? '' : `"message":${message},`;
  event.json = `{"cursor":"${event.cursor}","kind":"${kind}",${text}${detailsOf(row, kind)},"at":"${iso(row.at)}"}`;
  event.message = message;
  const echo = carriesMessage ? echoOf(row) : undefined;
  if (echo) event.echo = echo;
  if (kind === 'user_renamed' && hasMark(row, 'erased')) event.endsAccount = true;
  if (row.reply_to) event.quote = { messageId: JSON.parse(row.reply_to).id, json: row.reply_to };
  return event;
}

/** Returns the event of a row without its content. It is not delivered, but a join or leave takes effect, and the log has no gap. */
export function bareEvent(row: FeedRow, epoch: string): LogEvent {
  return {
    position: row.position,
    cursor: formatCursor({ epoch, position: row.position }),
    kind: isKnownKind(row.kind) ? row.kind : 'unknown',
    groupId: row.group_id,
    groupName: row.group_name,
    topic: row.topic,
    userId: row.user_id,
    messageId: row.message_id,
    message: null,
    json: null,
  };
}

/** Returns the echo of a message, or undefined if it was posted without a key. */
function echoOf({ sender_id, idempotency_key }: FeedRow): SenderEcho | undefined {
  if (sender_id === null || idempotency_key === null) return undefined;
  return { senderId: sender_id, end: `,"idempotency_key":${JSON.stringify(idempotency_key)}}` };
}

/** Returns the JSON of a message. Its meta and its preview of another message are as PostgreSQL writes them. */
function messageJson(row: FeedRow): string {
  if (row.content === null) throw new UndecodableEventError(`its text of ${row.bytes} bytes is too large to be read`);
  const own = fields({
    id: row.message_id,
    sender: row.sender,
    sender_id: row.sender_id,
    ...(row.is_hook === true && { hook: true }),
    content: row.content,
    timestamp: iso(row.sent_at),
    ...(row.edited_at === null ? {} : { edited_at: iso(row.edited_at) }),
  });
  const replyTo = row.reply_to === null ? '' : `,"reply_to":${row.reply_to}`;
  return `{${own}${replyTo}${row.meta === null ? '' : `,"meta":${row.meta}`}}`;
}

/** Does the same as {@link isoTime}. @throws {UndecodableEventError} instead of returning null. */
function iso(time: unknown): string {
  const text = isoTime(time);
  if (text === null) throw new UndecodableEventError(`its time ${String(time)} is out of range`);
  return text;
}

const fields = (values: Record<string, unknown>) => JSON.stringify(values).slice(1, -1);

/** Returns the JSON of the fields that belong to the kind, without braces. */
function detailsOf(row: FeedRow, kind: EventKind): string {
  switch (kind) {
    case 'message':
    case 'message_edited':
      return fields({ group_id: row.group_id });
    case 'message_deleted':
      return fields({ group_id: row.group_id, message_id: row.message_id });
    case 'reaction':
      return fields({ group_id: row.group_id, message_id: row.message_id, ...reactionOf(objectOf(row)) });
    case 'read_by': {
      const payload = objectOf(row);
      return fields({ group_id: row.group_id, user_id: payload.id('user_id'), message_id: payload.id('message_id') });
    }
    case 'role_changed': {
      const payload = objectOf(row);
      const member = { user_id: payload.id('user_id'), role: payload.oneOf('role', ROLES), username: row.username };
      return fields({ group_id: groupOf(row), ...member, ...actorFields(row) });
    }
    case 'group_changed': {
      const payload = objectOf(row);
      return fields({ ...stateOf(row, payload), changed: payload.listOf('changed', CHANGES), ...actorFields(row) });
    }
    case 'group_deleted':
      return fields({ ...stateOf(row, objectOf(row)), ...actorFields(row) });
    case 'read': {
      const payload = objectOf(row);
      return fields({ group_id: payload.id('group_id'), message_id: payload.id('message_id') });
    }
    case 'user_renamed':
      return fields({ group_id: row.group_id, user_id: row.user_id, username: row.username });
    case 'joined':
    case 'left':
      return fields({
        group_id: row.group_id,
        group: row.group_name,
        user_id: row.user_id,
        username: row.username,
        ...actorFields(row),
        ...(kind === 'joined' && hasMark(row, 'created') && { created: true }),
      });
    case 'notification':
      // A topic and a group of the same name receive the same event. Subscribers of the topic must not learn the group's id.
      return `${fields({
        group: row.topic ?? row.group_name,
        group_id: row.topic === null ? row.group_id : null,
      })},"payload":${payloadOf(row)}`;
    case 'broadcast':
      return `"payload":${payloadOf(row)}`;
  }
}

const ROLES = ['owner', 'admin', 'member'] as const;
const CHANGES = ['name', 'description', 'archived', 'shows_reads'] as const;

const reactionOf = (payload: EventPayload) => ({
  user_id: payload.id('user_id'),
  emoji: payload.text('emoji'),
  added: payload.flag('added'),
  count: payload.count('count'),
});

const stateOf = (row: FeedRow, payload: EventPayload) => ({
  group_id: groupOf(row),
  // The log has no name of a direct chat.
  name: payload.optionalText('name') ?? row.group_name ?? '',
  description: payload.text('description'),
  archived: payload.flag('archived'),
  shows_reads: payload.flag('shows_reads'),
});

/** Returns the group of an event about a group. @throws {UndecodableEventError} if it has none. */
function groupOf({ group_id }: FeedRow): number {
  if (group_id === null) throw new UndecodableEventError('its group_id is null');
  return group_id;
}

/** Returns true if the payload has `mark` with the value true. */
const hasMark = ({ payload }: FeedRow, mark: string) => payload !== null && JSON.parse(payload)?.[mark] === true;

const objectOf = (row: FeedRow) => new EventPayload(payloadOf(row));

/** Returns the fields for the user who acted; none if that is not known. */
const actorFields = ({ actor, actor_id }: FeedRow) => (actor_id === null ? {} : { actor_id, actor });

/** Returns the payload as PostgreSQL writes it. Parsed and written again, 1e400 would become null and 2^53 + 1 another number. */
function payloadOf({ payload, bytes }: FeedRow): string {
  if (payload === null && bytes > 0)
    throw new UndecodableEventError(`its payload of ${bytes} bytes is too large to be read`);
  return payload ?? 'null';
}
