import {
  type ChatEvent,
  type Group,
  isAfter,
  type Message,
  type MessagePage,
  type SendResult,
} from '../../../client/index.ts';

/** A message that this page is sending. It stays until the cluster stores it or the user discards it. */
export interface Pending {
  /** The idempotency key, the same for every try. */
  key: string;
  content: string;
  state: 'sending' | 'failed';
  error?: string;
  /** The stored message with the same text, if the stream delivered it before the response to the post. */
  arrivedAs?: number;
}

/** A line of the conversation: stored, or still being sent. */
export type Entry = { kind: 'stored'; message: Message } | { kind: 'pending'; pending: Pending };

/** Messages kept for a group that is not open: a few screens, because a tab may stay open for months. */
const KEPT = 200;

/**
 * The messages of one group. Pages of history, live events and responses to own posts arrive in any order and overlap. Every
 * message is shown once, in the order of ids; a deleted message never reappears.
 */
export class Conversation {
  group: Group;
  unread = 0;
  /** True when older messages than the loaded ones exist. */
  hasOlder = false;
  loaded = false;
  readonly #me: number;
  /** Sorted by id, without a gap between the first and the newest. */
  #messages: Message[] = [];
  readonly #deleted = new Set<number>();
  #pending: Pending[] = [];
  #snapshot: string | undefined;
  #generation = 0;

  constructor(group: Group, me: number) {
    this.group = group;
    this.#me = me;
  }

  /** The newest stored message, or undefined. */
  get newest(): Message | undefined {
    return this.#messages.at(-1);
  }

  /** The id of the oldest loaded message, or undefined. */
  get oldestId(): number | undefined {
    return this.#messages[0]?.id;
  }

  /** Returns all visible entries in order. */
  entries(): Entry[] {
    const pending = this.#pending.filter((one) => one.arrivedAs === undefined);
    return [
      ...this.#messages.map((message): Entry => ({ kind: 'stored', message })),
      ...pending.map((one): Entry => ({ kind: 'pending', pending: one })),
    ];
  }

  /** Increases with every forget(). A page requested in an earlier generation has a gap after it and must be ignored. */
  get generation(): number {
    return this.#generation;
  }

  /** Drops all loaded messages after a gap in the stream; the newest page must be loaded again. */
  forget(): void {
    this.#messages = [];
    this.#snapshot = undefined;
    this.#generation += 1;
    this.hasOlder = false;
    this.loaded = false;
  }

  /** Drops all but the newest messages; the others can be loaded again. */
  trim(): void {
    const oldest = this.#messages.at(-KEPT);
    if (oldest === undefined || oldest === this.#messages[0]) return;
    this.#messages = this.#messages.slice(-KEPT);
    this.hasOlder = true;
    for (const id of this.#deleted) if (id < oldest.id) this.#deleted.delete(id);
  }

  /** Adds the newest page. */
  load(page: MessagePage): void {
    for (const message of page.messages) this.#store(message);
    this.#snapshot = page.cursor;
    this.hasOlder ||= page.has_more;
    this.loaded = true;
  }

  /** Adds the page before the oldest loaded message. */
  loadOlder(page: MessagePage): void {
    for (const message of page.messages) this.#insert(message);
    this.hasOlder = page.has_more;
  }

  /** Applies an event of this group. Returns the message if it is new and from another user. */
  apply(event: ChatEvent): Message | undefined {
    if (this.#snapshot !== undefined && !isAfter(event.cursor, this.#snapshot)) return undefined;
    if (event.kind === 'message_deleted') this.removed(event.message_id);
    if (event.kind === 'message_edited') this.#replace(event.message);
    if (event.kind !== 'message' || this.#has(event.message.id)) return undefined;
    this.#store(event.message);
    if (event.message.sender_id !== this.#me) return event.message;
    // The stream often delivers an own message before the response to its post: only one of them may be shown.
    const own = this.#pending.find((one) => one.content === event.message.content && one.arrivedAs === undefined);
    if (own !== undefined) own.arrivedAs = event.message.id;
    return undefined;
  }

  #replace(message: Message): void {
    const at = this.#messages.findIndex(({ id }) => id === message.id);
    if (at >= 0) this.#messages[at] = message;
  }

  /** Records that a message is being sent. */
  sending(key: string, content: string): void {
    const known = this.#find(key);
    if (known === undefined) this.#pending.push({ key, content, state: 'sending' });
    else known.state = 'sending';
  }

  /** Records that the cluster has stored the message. */
  sent(key: string, sent: SendResult, sender: string): void {
    const pending = this.#find(key);
    this.discard(key);
    if (pending === undefined || this.#has(sent.message_id)) return;
    const { message_id: id, timestamp } = sent;
    this.#store({ id, sender, sender_id: this.#me, content: pending.content, timestamp });
  }

  /** Records that sending failed. It can be retried with the same key. */
  failed(key: string, error: string): void {
    const pending = this.#find(key);
    if (pending === undefined) return;
    pending.state = 'failed';
    pending.error = error;
    // Equal text is no proof: the message may come from another tab. A retry with the same key settles it.
    delete pending.arrivedAs;
  }

  /** Returns the content of a pending message, or undefined. */
  pendingContent(key: string): string | undefined {
    return this.#find(key)?.content;
  }

  /** Removes a pending message. */
  discard(key: string): void {
    this.#pending = this.#pending.filter((one) => one.key !== key);
  }

  /** Removes a message that was deleted. */
  removed(id: number): void {
    this.#deleted.add(id);
    if (this.#has(id)) this.#messages.splice(this.#indexOf(id), 1);
  }

  /** Counts the messages from other users that are newer than that id. */
  newerThan(id: number): number {
    return this.#messages.slice(this.#indexOf(id + 1)).filter(({ sender_id }) => sender_id !== this.#me).length;
  }

  /** Adds a message unless it is older than the loaded ones: alone it would hide the gap after it. Its page includes it. */
  #store(message: Message): void {
    const oldest = this.oldestId;
    if (!this.hasOlder || oldest === undefined || message.id > oldest) this.#insert(message);
  }

  #insert(message: Message): void {
    if (!this.#deleted.has(message.id) && !this.#has(message.id)) {
      this.#messages.splice(this.#indexOf(message.id), 0, message);
    }
  }

  #has(id: number): boolean {
    return this.#messages[this.#indexOf(id)]?.id === id;
  }

  /** Returns the index of that id, or the index at which to insert it. */
  #indexOf(id: number): number {
    let low = 0;
    let high = this.#messages.length;
    while (low < high) {
      const middle = (low + high) >> 1;
      if ((this.#messages[middle]?.id ?? id) < id) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  #find(key: string): Pending | undefined {
    return this.#pending.find((one) => one.key === key);
  }
}
