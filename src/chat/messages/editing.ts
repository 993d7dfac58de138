import { query } from '../../database/query.ts';
import { epochMs, timeOfEpoch } from '../../database/sql/timestamps.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';
import { lockMessage } from './lock-message.ts';

/** The new text of a message, and its new meta unless that is undefined; null removes the meta. */
interface Edit {
  messageId: number;
  content: string;
  meta?: object | null | undefined;
}

/** Changes the text of messages. A trigger of the database sets `edited_at` and notifies the group. */
export class MessageEditing {
  readonly #write: Write;
  readonly #keepsHistory: boolean;

  /** With `keepsHistory`, the database keeps each replaced text in plantao.message_edits. */
  constructor(write: Write, keepsHistory: boolean) {
    this.#write = write;
    this.#keepsHistory = keepsHistory;
  }

  /**
   * Replaces the text of a message, and its meta unless `meta` is undefined. Returns when the message was last edited; null if it
   * never was, since the same text again is not an edit. `editorId` must be the sender; with `membersOnly`, also a member of the
   * group. It is null where the caller is not known (AUTH=open).
   * @throws {Refused} message_not_found, not_a_member, forbidden, meta_too_large; {NotActiveError}.
   */
  async edit({ messageId, content, meta }: Edit, editorId: number | null, membersOnly: boolean): Promise<Date | null> {
    return this.#write(async (transaction) => {
      const { senderId, role } = await lockMessage(messageId, editorId, transaction);
      const isSender = editorId === senderId;
      if (membersOnly && role === null) throw new Refused(isSender ? 'not_a_member' : 'message_not_found');
      if (editorId !== null && !isSender) {
        throw new Refused('forbidden', { sentence: 'only its sender may edit a message' });
      }
      if (this.#keepsHistory) {
        await query(transaction, "SELECT set_config('plantao.edit_history', pg_current_xact_id()::text, true)");
      }
      const [row] = await query<{ edited_ms: string | null }>(
        transaction,
        `UPDATE plantao.messages SET content = $content, meta = CASE WHEN $keepsMeta THEN meta ELSE $meta::jsonb END
         WHERE id = $messageId RETURNING ${epochMs('edited_at')} AS edited_ms`,
        { messageId, content, keepsMeta: meta === undefined, meta: jsonOf(meta) },
      );
      if (!row) throw new Refused('message_not_found');
      return row.edited_ms === null ? null : timeOfEpoch(row.edited_ms);
    });
  }
}

const jsonOf = (meta: object | null | undefined) => (meta ? JSON.stringify(meta) : null);
