/** A row of the view plantao.event_feed, as {@link FEED} selects it. */
export interface FeedRow {
  position: number;
  kind: string;
  group_id: number | null;
  group_name: string | null;
  topic: string | null;
  user_id: number | null;
  username: string | null;
  /** The user who acted, if that is known. */
  actor_id: number | null;
  actor: string | null;
  message_id: number | null;
  sender_id: number | null;
  sender: string | null;
  /** True if a hook sent the message. */
  is_hook: boolean | null;
  /** Null if the message was deleted, or is too large to be read. */
  content: string | null;
  sent_at: Date | number | null;
  /** Null if the message was never edited. */
  edited_at: Date | number | null;
  /** True for an edit that a later one has replaced: the later event carries the newest text. */
  is_outdated: boolean | null;
  /** The Idempotency-Key of the post, for its sender only. */
  idempotency_key: string | null;
  /** The meta that the client stored with the message, and the message that it replies to: JSON, as PostgreSQL writes it. */
  meta: string | null;
  reply_to: string | null;
  /** JSON, as PostgreSQL writes it; null if it is too large to be read. */
  payload: string | null;
  at: Date | number | null;
  /** Size of its content or payload. */
  bytes: number;
  /** Why the rest of the row could not be read. */
  problem?: string;
}

/** Maximum bytes of texts and payloads in a page: a busy server reads them, and a node decodes them, in some tens of milliseconds. */
const MAX_BYTES = 1024 * 1024;
/** A larger event is not read. There are none unless the schema was changed: its own limit is a sixteenth of this. */
const MAX_EVENT_BYTES = 1024 * 1024;

/** The number of bytes that are read of an event. */
const READ_BYTES = `CASE WHEN bytes <= ${MAX_EVENT_BYTES} THEN bytes ELSE 0 END`;

/**
 * The columns of an alias of plantao.event_feed. Each is named, so that a new column of the view changes no prepared
 * statement. A text that is not selected is not read: PostgreSQL stores a long one outside the row, which has only its length.
 */
export const FEED = `position, kind, group_id, group_name, topic, user_id, username, actor_id, actor, message_id, sender_id, sender, is_hook, sent_at, edited_at,
  is_outdated, idempotency_key, meta::text AS meta, reply_to::text AS reply_to, at, bytes, CASE WHEN bytes <= ${MAX_EVENT_BYTES} THEN content END AS content,
  CASE WHEN bytes <= ${MAX_EVENT_BYTES} THEN payload::text END AS payload`;

/** The bytes in the rows before a row, in the order of their positions. */
export const BYTES_BEFORE = `sum(${READ_BYTES}) OVER (ORDER BY position) - ${READ_BYTES} AS bytes_before`;

/** True for the rows that fit a page, at least the first. */
export const FITS = `bytes_before < ${MAX_BYTES}`;
