import {
  type ChatClient,
  ChatError,
  type ChatEvent,
  type Message,
  newIdempotencyKey,
  type User,
} from '../../client/index.ts';
import { Conversation } from './conversation.ts';
import type { ReadMarks } from './read-marks.ts';

/** Messages a page of history: more than a screen, less than a moment. */
const PAGE = 50;
/** Groups whose newest messages are read ahead for the list; the others are read when they are opened. */
const READ_AHEAD = 20;
/** Long enough for any failover; after it the message waits for its writer to try again. */
const SEND_WITHIN_MS = 60_000;

/** What a chat tells the page. */
export interface ChatListener {
  /** Something to show has changed. */
  changed(): void;
  /** Somebody else has written. */
  arrived(message: Message, conversation: Conversation): void;
  /** The session cannot go on: the user is unknown, or the token is refused. */
  ended(error: unknown): void;
}

/** Everything a signed-in user sees and does, without the page around it. */
export class Chat {
  readonly me: User;
  readonly #client: ChatClient;
  readonly #listener: ChatListener;
  readonly #marks: ReadMarks;
  readonly #conversations = new Map<number, Conversation>();
  readonly #ending = new AbortController();
  /** One after the other in each group, so that messages keep the order in which they were written. */
  readonly #sending = new Map<number, Promise<void>>();
  #opened: number | undefined;
  #watching = true;

  constructor(client: ChatClient, me: User, marks: ReadMarks, listener: ChatListener) {
    this.#client = client;
    this.me = me;
    this.#marks = marks;
    this.#listener = listener;
  }

  /** The groups, the one with the latest message first. */
  get conversations(): Conversation[] {
    const latest = ({ newest, group }: Conversation) => newest?.timestamp ?? `0${group.id}`;
    return [...this.#conversations.values()].sort((one, other) => (latest(one) < latest(other) ? 1 : -1));
  }

  /** The group that is open, or undefined. */
  get opened(): Conversation | undefined {
    return this.#opened === undefined ? undefined : this.#conversations.get(this.#opened);
  }

  /** Messages of others that have not been read. */
  get unread(): number {
    return this.conversations.reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Reads the groups and follows the events from there on, until stop(). Rejects when the groups cannot be read. */
  async start(): Promise<void> {
    const cursor = await this.#readGroups();
    this.#listener.changed();
    void this.#follow(cursor);
    await this.#readAhead(false);
  }

  /** Ends everything that is under way. */
  stop(): void {
    this.#ending.abort();
  }

  /** Opens a group and reads its newest messages if that has not been done. */
  async open(groupId: number): Promise<void> {
    this.#opened = groupId;
    this.#read(this.opened);
    this.#listener.changed();
    if (this.opened?.loaded === false) await this.#load(this.opened, false);
  }

  /** Closes the group that is open. */
  close(): void {
    this.#opened = undefined;
    this.#listener.changed();
  }

  /** Whether somebody looks at the page: only then does an open group count as read. */
  watch(watching: boolean): void {
    this.#watching = watching;
    if (watching) this.#read(this.opened);
    this.#listener.changed();
  }

  /** Reads the page before the oldest message of a group. */
  async loadOlder(conversation: Conversation): Promise<void> {
    const before = conversation.oldestId;
    if (before === undefined || !conversation.hasOlder) return;
    const { signal } = this.#ending;
    conversation.loadOlder(await this.#client.messages(conversation.group.id, { before, limit: PAGE, signal }));
    this.#listener.changed();
  }

  /** Sends a message; it shows at once, with its state. */
  send(conversation: Conversation, content: string): Promise<void> {
    return this.#post(conversation, newIdempotencyKey(), content);
  }

  /** Tries a message again that could not be sent; however often, it is stored once. */
  async retry(conversation: Conversation, key: string): Promise<void> {
    const content = conversation.pendingContent(key);
    if (content !== undefined) await this.#post(conversation, key, content);
  }

  /** Gives up a message that could not be sent. */
  discard(conversation: Conversation, key: string): void {
    conversation.discard(key);
    this.#listener.changed();
  }

  /** Deletes a message for everybody. */
  async remove(conversation: Conversation, messageId: number): Promise<void> {
    await this.#client.deleteMessage(messageId, { signal: this.#ending.signal });
    conversation.removed(messageId);
    this.#listener.changed();
  }

  /** Makes a group and answers with its id and the cluster's warning. */
  async create(name: string, members: readonly string[]): Promise<{ id: number; warning: string | undefined }> {
    const { signal } = this.#ending;
    const { group_id: id, warning } = await this.#client.createChat(name, members, { signal });
    await this.#readGroups();
    this.#listener.changed();
    return { id, warning };
  }

  /** Joins the group of that name and answers with its id, or undefined where it cannot be told. */
  async joinNamed(name: string): Promise<number | undefined> {
    await this.#client.joinNamed(name, { signal: this.#ending.signal });
    await this.#readGroups();
    this.#listener.changed();
    return this.conversations.find(({ group }) => group.name === name.trim())?.group.id;
  }

  /** Adds a user to a group. */
  async add(conversation: Conversation, user: User): Promise<void> {
    await this.#client.join(conversation.group.id, { userId: user.id, signal: this.#ending.signal });
    await this.#readGroups();
    this.#listener.changed();
  }

  /** Leaves a group. */
  async leave(conversation: Conversation): Promise<void> {
    await this.#client.leave(conversation.group.id, { signal: this.#ending.signal });
    await this.#readGroups();
    this.#listener.changed();
  }

  /** Users to invite. */
  search(name: string): Promise<User[]> {
    return this.#client.users(name, { limit: 8, signal: this.#ending.signal });
  }

  async #follow(cursor: string): Promise<void> {
    const resync = async () => {
      const now = await this.#readGroups();
      await this.#readAhead(true);
      return now;
    };
    try {
      const { signal } = this.#ending;
      for await (const event of this.#client.events({ cursor, signal, onGap: 'resync', resync })) this.#apply(event);
    } catch (error) {
      this.#listener.ended(error);
    }
  }

  #apply(event: ChatEvent): void {
    if (event.kind === 'notification' || event.kind === 'broadcast') return;
    if (event.kind === 'joined' || event.kind === 'left') {
      void this.#readGroups()
        .then(() => this.#readAhead(false))
        .catch((error) => this.#report(error));
      return;
    }
    const conversation = this.#conversations.get(event.group_id);
    const message = conversation?.apply(event);
    if (conversation !== undefined && message !== undefined) {
      conversation.unread += 1;
      this.#read(this.opened);
      this.#listener.arrived(message, conversation);
    }
    this.#listener.changed();
  }

  /** Reads the groups anew and answers with the cursor of that moment. */
  async #readGroups(): Promise<string> {
    const { chats, cursor } = await this.#client.chats({ signal: this.#ending.signal });
    const ids = new Set(chats.map(({ id }) => id));
    for (const id of this.#conversations.keys()) if (!ids.has(id)) this.#conversations.delete(id);
    for (const group of chats) {
      const known = this.#conversations.get(group.id);
      if (known === undefined) this.#conversations.set(group.id, new Conversation(group, this.me.id));
      else known.group = group;
    }
    this.#listener.changed();
    return cursor;
  }

  async #readAhead(anew: boolean): Promise<void> {
    const first = [...this.#conversations.values()]
      .filter((one) => (anew ? one.loaded : !one.loaded))
      .slice(0, READ_AHEAD);
    for (const conversation of first) await this.#load(conversation, anew);
  }

  async #load(conversation: Conversation, anew: boolean): Promise<void> {
    const { id } = conversation.group;
    const page = await this.#client.messages(id, { limit: PAGE, signal: this.#ending.signal });
    conversation.load(page, anew);
    const newest = conversation.newest;
    if (this.#marks.isNew && newest !== undefined) this.#marks.set(id, newest.id);
    conversation.unread = conversation.newerThan(this.#marks.get(id));
    this.#read(this.opened);
    this.#listener.changed();
  }

  /** An open group that somebody looks at is read. */
  #read(conversation: Conversation | undefined): void {
    if (conversation === undefined || !this.#watching) return;
    conversation.unread = 0;
    if (conversation.newest !== undefined) this.#marks.set(conversation.group.id, conversation.newest.id);
  }

  #post(conversation: Conversation, key: string, content: string): Promise<void> {
    const { id } = conversation.group;
    conversation.sending(key, content);
    this.#listener.changed();
    const post = async () => {
      try {
        const { signal } = this.#ending;
        const options = { idempotencyKey: key, signal, deadlineMs: SEND_WITHIN_MS };
        conversation.sent(key, await this.#client.send(id, content, options), this.me.username);
        this.#read(this.opened);
      } catch (error) {
        if (this.#ending.signal.aborted) return;
        conversation.failed(key, error instanceof Error ? error.message : String(error));
        this.#report(error);
      }
      this.#listener.changed();
    };
    const sent = (this.#sending.get(id) ?? Promise.resolve()).then(post);
    this.#sending.set(id, sent);
    return sent;
  }

  #report(error: unknown): void {
    if (!this.#ending.signal.aborted && error instanceof ChatError && error.status === 401) this.#listener.ended(error);
  }
}
