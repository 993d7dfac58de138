/** A row of the view plantao.event_feed, as {@link FEED} selects it. */
export interface FeedRow {
  position: number;
  kind: string;
  group_id: number | null;
  group_name: string | null;
  topic: string | null;
  user_id: number | null;
  username: string | null;
  message_id: number | null;
  sender_id: number | null;
  sender: string | null;
  /** Null if the message was deleted, or is too large to be read. */
  content: string | null;
  sent_at: Date | number | null;
  /** Null if the message was never edited. */
  edited_at: Date | number | null;
  /** True for an edit that a later one has replaced: the later event carries the newest text. */
  is_outdated: boolean | null;
  /** JSON, as PostgreSQL writes it; null if it is too large to be read. */
  payload: string | null;
  at: Date | number | null;
  /** Of its content or payload. */
  bytes: number;
  /** Why the rest of the row could not be read. */
  problem?: string;
}

/** Bytes of texts and payloads a page: what a busy server reads and a node decodes in some tens of milliseconds. */
const MOST_BYTES = 1024 * 1024;
/** An event that is larger is not read: the schema allows a sixteenth of it. */
const LARGEST = 1024 * 1024;

/** Size of what is read of an event. */
const READ_BYTES = `CASE WHEN bytes <= ${LARGEST} THEN bytes ELSE 0 END`;

/**
 * The columns of an alias of plantao.event_feed, each by name: a view that gains one changes no prepared statement. A text
 * that is not selected is not read either: PostgreSQL keeps long ones beside the row, with their length in it.
 */
export const FEED = `position, kind, group_id, group_name, topic, user_id, username, message_id, sender_id, sender, sent_at, edited_at,
  is_outdated, at,  bytes, CASE WHEN bytes <= ${LARGEST} THEN content END AS content,
  CASE WHEN bytes <= ${LARGEST} THEN payload::text END AS payload`;

/** Bytes in the rows before one, in the order of their positions. */
export const BYTES_BEFORE = `sum(${READ_BYTES}) OVER (ORDER BY position) - ${READ_BYTES} AS bytes_before`;

/** True for the rows that fit a page, at least the first. */
export const FITS = `bytes_before < ${MOST_BYTES}`;
