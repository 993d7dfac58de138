import {
  type Chat,
  type ChatEvent,
  isAfter,
  type Message,
  type MessagePage,
  type SendResult,
} from '../../../../client/index.ts';
import { quoteOf, type ReplyTarget } from '../text/quotes.ts';
import { type SystemMessage, SystemMessages } from '../text/system-messages.ts';
import { MessageWindow } from './message-window.ts';
import { MissingReactions } from './missing-reactions.ts';
import { type PendingMessage, PendingMessages } from './pending-messages.ts';
import { withReaction } from './reactions.ts';
import { Reads } from './reads.ts';
import { changedBy, isChange, RecentChanges } from './recent-changes.ts';

type LastMessage = NonNullable<Chat['last_message']>;

const listExcerpt = ({ content }: Message) => content.slice(0, 200);

function lastOf(message: Message): LastMessage {
  const { id, sender, sender_id, timestamp } = message;
  return { id, sender, sender_id, excerpt: listExcerpt(message), timestamp };
}

/** One group of the user: what the list of groups shows of it, and the loaded part of its messages. */
export class Conversation {
  group: Chat;
  unread = 0;
  /** How many of the unread messages mention the user. */
  mentions = 0;
  lastReadId = 0;
  /** The newest message, loaded or not. */
  last: LastMessage | undefined;
  /** When the group was last active, as ISO 8601; the list is sorted by it. */
  activeAt = '';
  loaded = false;
  /** The message after which the new ones began when the user opened the group or jumped to them; undefined once the user has sent one. */
  dividerAfter: number | undefined;
  readonly window = new MessageWindow();
  readonly missingReactions = new MissingReactions(this.window);
  readonly reads = new Reads();
  readonly pending = new PendingMessages();
  readonly systemMessages = new SystemMessages();
  readonly #me: number;
  readonly #mentionsMe: (text: string) => boolean;
  readonly #changes: RecentChanges;
  /** The cursor of the list that the counts come from, and that of the newest loaded page. */
  #listed: string | undefined;
  #snapshot: string | undefined;
  #generation = 0;
  /** The newest message that is from an earlier visit: those up to it may have changed since. */
  #staleUpTo: number | undefined;

  constructor(group: Chat, me: number, mentionsMe: (text: string) => boolean = () => false) {
    this.group = group;
    this.#me = me;
    this.#mentionsMe = mentionsMe;
    this.#changes = new RecentChanges(me);
  }

  /** Increases with every forget(). A page requested in an earlier generation has a gap after it and must be ignored. */
  get generation(): number {
    return this.#generation;
  }

  /** The newest message that is not known to be stored, if any. */
  get waiting(): PendingMessage | undefined {
    return this.pending.newest;
  }

  /** Updates the group from a list of chats that was read at that cursor. */
  updateFromList(group: Chat, cursor: string, activeAt: string): void {
    this.group = group;
    this.unread = group.unread;
    // Absent from an older node's list, and from the list of an earlier visit.
    this.mentions = group.mentions ?? 0;
    this.lastReadId = group.last_read_id;
    this.last = group.last_message ?? undefined;
    this.activeAt = activeAt;
    this.#listed = cursor;
  }

  /** Shows messages of an earlier visit until the group is loaded. */
  restore(page: MessagePage, systemMessages: readonly SystemMessage[]): void {
    this.systemMessages.restore(systemMessages);
    if (page.messages.length === 0) return;
    this.window.load(page);
    this.#staleUpTo = this.window.newest?.id;
  }

  /** After a gap in the stream, drops all loaded messages; the newest page must be loaded again. */
  forget(): void {
    this.missingReactions.clear();
    this.systemMessages.clear();
    this.window.clear();
    this.#staleUpTo = undefined;
    this.#snapshot = undefined;
    this.#generation += 1;
    this.loaded = false;
  }

  /** Adds the newest page, or the first one around a message. */
  load(page: MessagePage): void {
    const current = this.#current(page);
    if (this.#staleUpTo !== undefined) this.window.dropUpTo(this.#staleUpTo);
    this.#staleUpTo = undefined;
    this.window.load(current);
    this.#snapshot = page.cursor;
    this.loaded = true;
  }

  /** Adds the page before the oldest loaded message. */
  loadOlder(page: MessagePage): void {
    this.window.loadOlder(this.#current(page));
  }

  /** Adds the page after the newest loaded message. */
  loadNewer(page: MessagePage): void {
    this.window.loadNewer(this.#current(page));
  }

  /** Shows the reactions of a page that ends with the message `newest`, where they were missing. */
  completeReactions(page: MessagePage, newest: number): void {
    this.missingReactions.complete(this.#changes.appliedTo(page), newest);
  }

  /** Returns a page with the reactions and changes that it lacks and this device knows. */
  #current(page: MessagePage): MessagePage {
    return this.#changes.appliedTo(this.missingReactions.filled(page));
  }

  /** Applies an event of this group. Returns the message if it is new and from another user. */
  apply(event: ChatEvent): Message | undefined {
    const isNew = this.#count(event);
    if (event.kind === 'read_by') this.reads.set(event.user_id, event.message_id);
    this.#changes.add(event);
    if (this.#snapshot !== undefined && !isAfter(event.cursor, this.#snapshot)) return undefined;
    if (event.kind === 'message_deleted') this.removed(event.message_id, this.#isListed(event));
    if (isChange(event)) this.window.change((one) => changedBy(event, one, this.#me));
    if (event.kind === 'message_edited' && this.last?.id === event.message.id) {
      this.last = { ...this.last, excerpt: listExcerpt(event.message) };
    }
    if (event.kind !== 'message' || this.window.find(event.message.id) !== undefined) return undefined;
    this.window.add(event.message);
    if (event.message.sender_id !== this.#me) return isNew ? event.message : undefined;
    this.dividerAfter = undefined;
    this.pending.arrived(event.message);
    return undefined;
  }

  /** Shows the new count of a reaction. `isOwn` is true if the user added or removed it. */
  reacted(messageId: number, change: { emoji: string; count: number; added: boolean }, isOwn = true): void {
    this.window.replace(messageId, (message) => withReaction(message, change, isOwn));
  }

  /** Counts an event that the list does not include yet. Returns true for a new message. */
  #count(event: ChatEvent): boolean {
    if (this.#isListed(event)) return false;
    if (event.kind === 'read') this.markRead(event.message_id);
    if (event.kind === 'user_renamed' && event.username !== null && this.last?.sender_id === event.user_id) {
      this.last = { ...this.last, sender: event.username };
    }
    if (event.kind !== 'message' || !this.#showAsLast(event.message)) return false;
    const { id, sender_id, content } = event.message;
    if (sender_id !== this.#me && id > this.lastReadId) {
      this.unread += 1;
      if (this.#mentionsMe(content)) this.mentions += 1;
    }
    return true;
  }

  /** True for an event that the list of chats includes already. */
  #isListed({ cursor }: ChatEvent): boolean {
    return this.#listed !== undefined && !isAfter(cursor, this.#listed);
  }

  /** Remembers where the new messages begin, if there are any and no such place is remembered yet. */
  markNew(): void {
    if (this.unread > 0) this.dividerAfter ??= this.lastReadId;
  }

  /** Moves the read mark, never back. Returns true if it moved. */
  markRead(id: number): boolean {
    if (id <= this.lastReadId) return false;
    const passed = this.window.after(this.lastReadId).filter((one) => one.id <= id);
    this.lastReadId = id;
    const isAllLoaded = this.loaded && !this.window.hasNewer;
    const others = this.#others(isAllLoaded ? this.window.after(id) : passed);
    const mentions = others.filter(({ content }) => this.#mentionsMe(content));
    if (id >= (this.last?.id ?? 0)) [this.unread, this.mentions] = [0, 0];
    else if (isAllLoaded) [this.unread, this.mentions] = [others.length, mentions.length];
    else {
      this.unread = Math.max(0, this.unread - others.length);
      this.mentions = Math.max(0, this.mentions - mentions.length);
    }
    return true;
  }

  #others(messages: readonly Message[]): Message[] {
    return messages.filter((one) => one.sender_id !== this.#me);
  }

  /** Records that a message is being sent. */
  sending(key: string, message: { content: string; replyTo?: ReplyTarget }): void {
    this.dividerAfter = undefined;
    this.pending.sending(key, message);
  }

  /** Records that the cluster has stored the message. */
  sent(key: string, sent: SendResult, sender: string): void {
    const pending = this.pending.find(key);
    this.pending.discard(key);
    if (pending === undefined || this.window.find(sent.message_id) !== undefined) return;
    const { message_id: id, timestamp } = sent;
    const { content, replyTo } = pending;
    const reply = replyTo && quoteOf(this.window.find(replyTo.id), replyTo);
    const message: Message = { id, sender, sender_id: this.#me, content, timestamp, ...(reply && { reply_to: reply }) };
    this.window.add(message);
    this.#showAsLast(message);
  }

  /** Shows a message as the newest one. Returns false if a newer one is known. */
  #showAsLast(message: Message): boolean {
    if (message.id <= (this.last?.id ?? 0)) return false;
    this.last = lastOf(message);
    this.activeAt = message.timestamp;
    return true;
  }

  /** Removes a message that was deleted. `isListed` is true if the list of chats no longer counts it. */
  removed(id: number, isListed = false): void {
    const message = this.window.find(id);
    const wasUnread = id > this.lastReadId && message?.sender_id !== this.#me;
    const isFirst = this.window.remove(id);
    if (isFirst && !isListed && wasUnread && this.unread > 0) {
      this.unread -= 1;
      if (message !== undefined && this.#mentionsMe(message.content)) this.mentions = Math.max(0, this.mentions - 1);
    }
    if (this.last?.id !== id) return;
    const newest = this.loaded && !this.window.hasNewer ? this.window.newest : undefined;
    this.last = newest && lastOf(newest);
  }
}
