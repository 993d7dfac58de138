import type { Message } from '../../../../client/index.ts';

/** The quote of the message that another one replies to. */
export type Quote = NonNullable<Message['reply_to']>;

/** A message that another one replies to, as far as it is known before the reply is stored. */
export interface ReplyTarget {
  id: number;
  /** Absent for a message that was written by an earlier version of this page. */
  sender?: string;
  excerpt?: string;
}

/** The quote of a deleted message, as a node returns it. */
export const DELETED_QUOTE = { sender: null, sender_id: null, excerpt: null, deleted: true } satisfies Partial<Quote>;
/** Maximum length of a quote in characters, as the nodes count them. */
const QUOTED = 100;

/** Returns the part of a message's text that a quote shows. */
export function excerptOf(content: string): string {
  return [...content.slice(0, 2 * QUOTED)].slice(0, QUOTED).join('');
}

/** Returns the quote of a message: from the loaded message, or else from the reply's target; undefined if that lacks a part. */
export function quoteOf(loaded: Message | undefined, { id, sender, excerpt }: ReplyTarget): Quote | undefined {
  if (loaded !== undefined) {
    const { sender, sender_id, content } = loaded;
    return { id, sender, sender_id, excerpt: excerptOf(content), deleted: false };
  }
  if (sender === undefined || excerpt === undefined) return undefined;
  return { id, sender, sender_id: null, excerpt, deleted: false };
}

/** Returns a message with a changed quote, if it replies to the message with that id. */
export function withQuote(message: Message, id: number, change: Partial<Quote>): Message {
  const { reply_to } = message;
  return reply_to?.id === id ? { ...message, reply_to: { ...reply_to, ...change } } : message;
}
