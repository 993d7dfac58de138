import { type ChatEvent, type Group, isAfter, type Message, type MessagePage, type Sent } from '../../client/index.ts';

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
  readonly #messages = new Map<number, Message>();
  readonly #deleted = new Set<number>();
  #pending: Pending[] = [];
  #snapshot: string | undefined;

  constructor(group: Group, me: number) {
    this.group = group;
    this.#me = me;
  }

  /** The newest stored message, or undefined. */
  get newest(): Message | undefined {
    return this.#sorted().at(-1);
  }

  /** The id of the oldest loaded message, or undefined. */
  get oldestId(): number | undefined {
    return this.#sorted()[0]?.id;
  }

  /** Everything to show, in order. */
  entries(): Entry[] {
    const pending = this.#pending.filter((one) => one.arrivedAs === undefined);
    return [
      ...this.#sorted().map((message): Entry => ({ kind: 'stored', message })),
      ...pending.map((one): Entry => ({ kind: 'pending', pending: one })),
    ];
  }

  /** Drops what was loaded, after a gap in the stream: the newest page is to be loaded anew. */
  forget(): void {
    this.#messages.clear();
    this.#snapshot = undefined;
    this.loaded = false;
  }

  /** Takes the newest page. */
  load(page: MessagePage): void {
    for (const message of page.messages) this.#store(message);
    this.#snapshot = page.cursor;
    this.hasOlder = page.has_more;
    this.loaded = true;
  }

  /** Takes the page before the oldest loaded message. */
  loadOlder(page: MessagePage): void {
    for (const message of page.messages) this.#store(message);
    this.hasOlder = page.has_more;
  }

  /** Takes an event of this group. Answers with the message if it is a new one of somebody else. */
  apply(event: ChatEvent): Message | undefined {
    if (this.#snapshot !== undefined && !isAfter(event.cursor, this.#snapshot)) return undefined;
    if (event.kind === 'message_deleted') this.removed(event.message_id);
    if (event.kind !== 'message' || this.#messages.has(event.message.id)) return undefined;
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
  sent(key: string, sent: Sent, sender: string): void {
    const pending = this.#find(key);
    this.discard(key);
    if (pending === undefined || this.#messages.has(sent.message_id)) return;
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
    this.#messages.delete(id);
  }

  /** How many messages of others are newer than that id. */
  newerThan(id: number): number {
    return this.#sorted().filter((message) => message.id > id && message.sender_id !== this.#me).length;
  }

  #store(message: Message): void {
    if (!this.#deleted.has(message.id)) this.#messages.set(message.id, message);
  }

  #find(key: string): Pending | undefined {
    return this.#pending.find((one) => one.key === key);
  }

  #sorted(): Message[] {
    return [...this.#messages.values()].sort((one, other) => one.id - other.id);
  }
}
