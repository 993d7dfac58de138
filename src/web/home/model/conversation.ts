import {
  type ChatEvent,
  type Group,
  isAfter,
  type Message,
  type MessagePage,
  type SendResult,
} from '../../../client/index.ts';

/** A message that this page sends: it stays until the cluster has stored it or its writer gives it up. */
export interface Pending {
  /** The idempotency key, the same for every try. */
  key: string;
  content: string;
  state: 'sending' | 'failed';
  error?: string;
  /** The stored message that the stream brought before the answer to the post, as far as the text tells. */
  arrivedAs?: number;
}

/** A line of the conversation: stored, or still on its way. */
export type Entry = { kind: 'stored'; message: Message } | { kind: 'pending'; pending: Pending };

/** Messages that a group keeps while nobody reads it: some screens of them, and a tab may stay open for months. */
const KEPT = 200;

/**
 * One group as this page shows it. Pages of history, live events and answers to own posts arrive in any order and overlap;
 * every message is shown once, in the order of ids, and a deleted one never again.
 */
export class Conversation {
  group: Group;
  unread = 0;
  /** True when older messages than the loaded ones exist. */
  hasOlder = false;
  loaded = false;
  readonly #me: number;
  /** By id, without a gap between the first one and the newest. */
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

  /** Everything to show, in order. */
  entries(): Entry[] {
    const pending = this.#pending.filter((one) => one.arrivedAs === undefined);
    return [
      ...this.#messages.map((message): Entry => ({ kind: 'stored', message })),
      ...pending.map((one): Entry => ({ kind: 'pending', pending: one })),
    ];
  }

  /** Rises with every forget(): the newest page that was asked for before has the gap after it, and is not to be taken. */
  get generation(): number {
    return this.#generation;
  }

  /** Drops what was loaded, after a gap in the stream: the newest page is to be loaded anew. */
  forget(): void {
    this.#messages = [];
    this.#snapshot = undefined;
    this.#generation += 1;
    this.hasOlder = false;
    this.loaded = false;
  }

  /** Lets go of all but the newest messages; the others can be read again. */
  trim(): void {
    const oldest = this.#messages.at(-KEPT);
    if (oldest === undefined || oldest === this.#messages[0]) return;
    this.#messages = this.#messages.slice(-KEPT);
    this.hasOlder = true;
    for (const id of this.#deleted) if (id < oldest.id) this.#deleted.delete(id);
  }

  /** Takes the newest page. */
  load(page: MessagePage): void {
    for (const message of page.messages) this.#store(message);
    this.#snapshot = page.cursor;
    this.hasOlder ||= page.has_more;
    this.loaded = true;
  }

  /** Takes the page before the oldest loaded message. */
  loadOlder(page: MessagePage): void {
    for (const message of page.messages) this.#insert(message);
    this.hasOlder = page.has_more;
  }

  /** Takes an event of this group. Answers with the message if it is a new one of somebody else. */
  apply(event: ChatEvent): Message | undefined {
    if (this.#snapshot !== undefined && !isAfter(event.cursor, this.#snapshot)) return undefined;
    if (event.kind === 'message_deleted') this.removed(event.message_id);
    if (event.kind !== 'message' || this.#has(event.message.id)) return undefined;
    this.#store(event.message);
    if (event.message.sender_id !== this.#me) return event.message;
    // The stream often brings an own message before the answer to its post: not both are to be shown until then.
    const own = this.#pending.find((one) => one.content === event.message.content && one.arrivedAs === undefined);
    if (own !== undefined) own.arrivedAs = event.message.id;
    return undefined;
  }

  /** Notes a message that is about to be sent. */
  sending(key: string, content: string): void {
    const known = this.#find(key);
    if (known === undefined) this.#pending.push({ key, content, state: 'sending' });
    else known.state = 'sending';
  }

  /** The cluster has stored it. */
  sent(key: string, sent: SendResult, sender: string): void {
    const pending = this.#find(key);
    this.discard(key);
    if (pending === undefined || this.#has(sent.message_id)) return;
    const { message_id: id, timestamp } = sent;
    this.#store({ id, sender, sender_id: this.#me, content: pending.content, timestamp });
  }

  /** Sending was given up; the same key may be tried again. */
  failed(key: string, error: string): void {
    const pending = this.#find(key);
    if (pending === undefined) return;
    pending.state = 'failed';
    pending.error = error;
    // The text was no proof: the same may have been written elsewhere. Trying again with the same key settles it.
    delete pending.arrivedAs;
  }

  /** The content of a message that has not been stored, or undefined. */
  pendingContent(key: string): string | undefined {
    return this.#find(key)?.content;
  }

  /** Its writer gives up a message that was not sent. */
  discard(key: string): void {
    this.#pending = this.#pending.filter((one) => one.key !== key);
  }

  /** A message was deleted. */
  removed(id: number): void {
    this.#deleted.add(id);
    if (this.#has(id)) this.#messages.splice(this.#placeOf(id), 1);
  }

  /** How many messages of others are newer than that id. */
  newerThan(id: number): number {
    return this.#messages.slice(this.#placeOf(id + 1)).filter(({ sender_id }) => sender_id !== this.#me).length;
  }

  /** Takes a message unless it lies before the loaded ones: alone it would hide the gap after it; its page brings it. */
  #store(message: Message): void {
    const oldest = this.oldestId;
    if (!this.hasOlder || oldest === undefined || message.id > oldest) this.#insert(message);
  }

  #insert(message: Message): void {
    if (!this.#deleted.has(message.id) && !this.#has(message.id)) {
      this.#messages.splice(this.#placeOf(message.id), 0, message);
    }
  }

  #has(id: number): boolean {
    return this.#messages[this.#placeOf(id)]?.id === id;
  }

  /** How many messages come before that id: where it is, or belongs. */
  #placeOf(id: number): number {
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
