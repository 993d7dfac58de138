import { type ChatEvent, isAfter, type Message, type MessagePage } from '../../../../client/index.ts';
import { DELETED_QUOTE, excerptOf, withQuote } from '../text/quotes.ts';
import { withReaction } from './reactions.ts';

/** An event that changes existing messages. */
type Change = Extract<ChatEvent, { kind: 'message_edited' | 'message_deleted' | 'reaction' | 'user_renamed' }>;

/** Maximum number of changes that are kept: more than happen in one group while a page is on its way. */
const MAX_CHANGES = 500;

/** Returns true for an event that changes existing messages. */
export const isChange = (event: ChatEvent): event is Change =>
  event.kind === 'message_edited' ||
  event.kind === 'message_deleted' ||
  event.kind === 'reaction' ||
  event.kind === 'user_renamed';

/**
 * The newest changes of a group's messages. A page of history may have been read before a change and arrive after it, or come from a
 * node that is behind.
 */
export class RecentChanges {
  readonly #me: number;
  readonly #changes: Change[] = [];

  constructor(me: number) {
    this.#me = me;
  }

  add(event: ChatEvent): void {
    if (!isChange(event)) return;
    this.#changes.push(event);
    if (this.#changes.length > MAX_CHANGES) this.#changes.shift();
  }

  /** Returns a page with the changes after its cursor. */
  appliedTo(page: MessagePage): MessagePage {
    const changes = this.#changes.filter(({ cursor }) => isAfter(cursor, page.cursor));
    if (changes.length === 0) return page;
    const changed = (message: Message) => changes.reduce((one, event) => changedBy(event, one, this.#me), message);
    return { ...page, messages: page.messages.map(changed) };
  }
}

/** Returns a message as it is after an event; `me` is the user's id. */
export function changedBy(event: Change, message: Message, me: number): Message {
  if (event.kind === 'user_renamed') {
    return event.username === null ? message : withSenderName(message, event.user_id, event.username);
  }
  if (event.kind === 'reaction') {
    return event.message_id === message.id ? withReaction(message, event, event.user_id === me) : message;
  }
  if (event.kind === 'message_deleted') return withQuote(message, event.message_id, DELETED_QUOTE);
  if (event.message.id !== message.id) {
    return withQuote(message, event.message.id, { excerpt: excerptOf(event.message.content) });
  }
  // The message of an event has no reactions.
  const { reactions } = message;
  return reactions === undefined ? event.message : { ...event.message, reactions };
}

/** Returns a message with another name of a sender, also in the preview of the message that it replies to. */
function withSenderName(message: Message, senderId: number, sender: string): Message {
  const withName = <One extends { sender_id: number | null }>(one: One): One =>
    one.sender_id === senderId ? { ...one, sender } : one;
  const { reply_to, ...rest } = withName(message);
  return reply_to === undefined ? rest : { ...rest, reply_to: withName(reply_to) };
}
