import type { LogEvent } from '../log-event.ts';

/** The events that carry a message: the one that sent it, and its last edit. */
interface MessageEvents {
  sent?: LogEvent;
  edited?: LogEvent;
}

/** Number of characters of a message that a preview of it shows, as plantao.reply_preview() has them. */
const EXCERPT = 100;

/**
 * Keeps one text of each message among events in memory, as the database does: an edit replaces the earlier texts, a deletion
 * removes them, and both change the previews in replies.
 */
export class MessageTexts {
  readonly #byMessage = new Map<number, MessageEvents>();
  readonly #replies = new Map<number, LogEvent[]>();

  /** Applies the next event of the log. Returns by how many characters the JSON of earlier events grew. */
  follow(event: LogEvent): number {
    const { kind, messageId, quote } = event;
    if (quote) {
      const replies = this.#replies.get(quote.messageId);
      if (replies) replies.push(event);
      else this.#replies.set(quote.messageId, [event]);
    }
    if (kind === 'group_deleted') return this.#deleteGroup(event.groupId);
    if (messageId === null) return 0;
    if (kind === 'message') this.#byMessage.set(messageId, { sent: event });
    // Without a message, the event was replaced by a later one.
    if (kind === 'message_edited' && event.message !== null) return this.#edit(messageId, event, event.message);
    return kind === 'message_deleted' ? this.#delete(messageId) : 0;
  }

  #edit(messageId: number, event: LogEvent, message: string): number {
    const { sent, edited } = this.#byMessage.get(messageId) ?? {};
    let grown = edited ? setMessage(edited, null) : 0;
    if (sent) {
      grown += setMessage(sent, message);
      if (event.quote) sent.quote = { ...event.quote };
    }
    this.#byMessage.set(messageId, { ...(sent && { sent }), edited: event });
    if (!this.#replies.has(messageId)) return grown;
    const excerpt = [...JSON.parse(message).content].slice(0, EXCERPT).join('');
    return grown + this.#setPreviews(messageId, (preview) => JSON.stringify({ ...JSON.parse(preview), excerpt }));
  }

  #delete(messageId: number): number {
    const { sent, edited } = this.#byMessage.get(messageId) ?? {};
    this.#byMessage.delete(messageId);
    const grown = (edited ? setMessage(edited, null) : 0) + (sent ? setMessage(sent, null) : 0);
    const gone = JSON.stringify({ id: messageId, sender: null, sender_id: null, excerpt: null, deleted: true });
    return grown + this.#setPreviews(messageId, () => gone);
  }

  /** Removes the messages of a deleted group: the log has no event for each. */
  #deleteGroup(groupId: number | null): number {
    let grown = 0;
    for (const [messageId, { sent, edited }] of this.#byMessage) {
      if ((sent ?? edited)?.groupId === groupId) grown += this.#delete(messageId);
    }
    return grown;
  }

  #setPreviews(messageId: number, previewOf: (preview: string) => string): number {
    let grown = 0;
    for (const reply of this.#replies.get(messageId) ?? []) {
      const { quote, message } = reply;
      if (!quote || message === null) continue;
      const preview = previewOf(quote.json);
      grown += setMessage(
        reply,
        message.replace(`"reply_to":${quote.json}`, () => `"reply_to":${preview}`),
      );
      reply.quote = { messageId, json: preview };
    }
    return grown;
  }
}

/**
 * Replaces the message of an event, or removes it; without a message the event is not delivered. Returns by how many characters
 * its JSON grew.
 */
function setMessage(event: LogEvent, message: string | null): number {
  const { json, message: earlier } = event;
  event.json = json !== null && earlier !== null && message !== null ? json.replace(earlier, () => message) : null;
  event.message = event.json === null ? null : message;
  return (event.json?.length ?? 0) - (json?.length ?? 0);
}
