import {
  type ChatClient,
  ChatError,
  type ChatEvent,
  isAfter,
  type MembershipChanged,
  type Message,
  type User,
} from '../../../client/index.ts';
import { Conversation } from './conversation.ts';
import { oneAtATime } from './one-at-a-time.ts';
import { Outbox } from './outbox.ts';
import type { ReadMarks } from './read-marks.ts';

/** Messages a page of history: more than a screen, less than a moment. */
const PAGE = 50;
/** Groups whose newest messages are read ahead for the list; the others are read when they are opened. */
const READ_AHEAD = 20;
/** What the page stands on is asked for until a node answers; the bar above says meanwhile what is the matter. */
const PATIENTLY = { deadlineMs: Number.POSITIVE_INFINITY };

/** What a chat tells the page. */
export interface ChatListener {
  /** Something to show has changed. */
  changed(): void;
  /** Somebody else has written. */
  arrived(message: Message, conversation: Conversation): void;
  /** The session cannot go on: the user is unknown, or the token is refused. */
  ended(error: unknown): void;
}

/** Everything a signed-in user sees, kept up to date, without the page around it. */
export class Chat {
  readonly me: User;
  readonly outbox: Outbox;
  /** Reads the groups anew and answers with the cursor of that moment. */
  readonly refresh = oneAtATime(() => this.#readGroups());
  readonly #client: ChatClient;
  readonly #listener: ChatListener;
  readonly #marks: ReadMarks;
  readonly #conversations = new Map<number, Conversation>();
  readonly #ending = new AbortController();
  #groupsAsOf = '';
  /** Who has come or gone while the groups are being read: their answer may be from before. */
  #moves: MembershipChanged[] | undefined;
  #opened: number | undefined;
  #watching = true;

  constructor(client: ChatClient, me: User, marks: ReadMarks, listener: ChatListener) {
    this.#client = client;
    this.me = me;
    this.#marks = marks;
    this.#listener = listener;
    this.outbox = new Outbox(client, me, this.signal, {
      changed: () => this.#changed(),
      failed: (error) => this.#report(error),
    });
  }

  /** Aborted by stop(): for whatever is asked on behalf of this session. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** The groups, the one with the latest message first. */
  get conversations(): Conversation[] {
    const latest = ({ newest }: Conversation) => newest?.timestamp ?? '';
    return [...this.#conversations.values()].sort(
      (one, other) => latest(other).localeCompare(latest(one)) || other.group.id - one.group.id,
    );
  }

  /** False until the groups have been read for the first time. */
  get isRead(): boolean {
    return this.#groupsAsOf !== '';
  }

  /** The group that is open, or undefined. */
  get opened(): Conversation | undefined {
    return this.#opened === undefined ? undefined : this.#conversations.get(this.#opened);
  }

  /** Messages of others that have not been read. */
  get unread(): number {
    return [...this.#conversations.values()].reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Reads the groups and follows the events from there on, until stop(). Rejects when a node refuses that. */
  async start(): Promise<void> {
    const cursor = await this.refresh();
    void this.#follow(cursor);
    await this.#readAhead();
  }

  /** Ends everything that is under way. */
  stop(): void {
    this.#ending.abort();
  }

  /** Opens a group, or none, and reads its newest messages if that has not been done. */
  async open(groupId: number | undefined): Promise<void> {
    this.opened?.trim();
    this.#opened = groupId;
    this.#changed();
    if (this.opened?.loaded === false) await this.#load(this.opened);
  }

  /** Whether somebody looks at the page: only then does an open group count as read. */
  watch(watching: boolean): void {
    this.#watching = watching;
    this.#changed();
  }

  /** Reads the page before the oldest message of a group, if there is one. */
  async loadOlder(conversation: Conversation): Promise<void> {
    if (!conversation.hasOlder) return;
    const { signal } = this;
    const before = conversation.oldestId;
    const options = { ...(before === undefined ? {} : { before }), limit: PAGE, signal };
    const page = await this.#client.messages(conversation.group.id, options);
    // Where messages were dropped meanwhile, this page would leave a gap before those that are left.
    if (conversation.oldestId === before) conversation.loadOlder(page);
    this.#changed();
  }

  /** Deletes a message for everybody. */
  async remove(conversation: Conversation, messageId: number): Promise<void> {
    await this.#client.deleteMessage(messageId, { signal: this.signal });
    conversation.removed(messageId);
    this.#changed();
  }

  async #follow(cursor: string): Promise<void> {
    const resync = async () => {
      const now = await this.refresh();
      for (const conversation of this.#conversations.values()) conversation.forget();
      await this.#readAhead();
      return now;
    };
    try {
      const options = { cursor, signal: this.signal, onGap: 'resync', resync } as const;
      for await (const event of this.#client.events(options)) this.#apply(event);
    } catch (error) {
      this.#listener.ended(error);
    }
  }

  #apply(event: ChatEvent): void {
    if (event.kind === 'joined' || event.kind === 'left') this.#applyMembership(event);
    if (event.kind !== 'message' && event.kind !== 'message_deleted') return;
    const conversation = this.#conversations.get(event.group_id);
    const message = conversation?.apply(event);
    if (conversation !== undefined && message !== undefined) {
      conversation.unread += 1;
      if (conversation !== this.opened) conversation.trim();
      this.#listener.arrived(message, conversation);
    }
    this.#changed();
  }

  #applyMembership(event: MembershipChanged): void {
    this.#moves?.push(event);
    this.#move(event);
    const isKnown = event.user_id !== this.me.id && this.#conversations.has(event.group_id);
    if (isKnown || !isAfter(event.cursor, this.#groupsAsOf)) return;
    const readAnew = this.refresh().then(async () => {
      const joined = this.#conversations.get(event.group_id);
      if (joined?.loaded === false) await this.#load(joined);
    });
    readAnew.catch((error) => this.#report(error));
  }

  #move({ kind, cursor, group_id, user_id: id, username }: MembershipChanged): void {
    const group = this.#conversations.get(group_id)?.group;
    if (group === undefined || !isAfter(cursor, this.#groupsAsOf)) return;
    const others = group.members.filter((member) => member.id !== id);
    group.members = kind === 'joined' ? [...others, { id, username }] : others;
    this.#changed();
  }

  async #readGroups(): Promise<string> {
    const moves: MembershipChanged[] = [];
    this.#moves = moves;
    const reading = this.#client.chats({ ...PATIENTLY, signal: this.signal });
    const { chats, cursor } = await reading.finally(() => {
      this.#moves = undefined;
    });
    const ids = new Set(chats.map(({ id }) => id));
    for (const id of this.#conversations.keys()) if (!ids.has(id)) this.#conversations.delete(id);
    for (const group of chats) {
      const known = this.#conversations.get(group.id);
      if (known === undefined) this.#conversations.set(group.id, new Conversation(group, this.me.id));
      else known.group = group;
    }
    this.#groupsAsOf = cursor;
    for (const event of moves) this.#move(event);
    this.#changed();
    return cursor;
  }

  async #readAhead(): Promise<void> {
    const unread = [...this.#conversations.values()].filter(({ loaded }) => !loaded);
    const first = unread.sort((one, other) => Number(other === this.opened) - Number(one === this.opened));
    for (const conversation of first.slice(0, READ_AHEAD)) await this.#load(conversation);
  }

  async #load(conversation: Conversation): Promise<void> {
    const { generation } = conversation;
    const { id } = conversation.group;
    try {
      const page = await this.#client.messages(id, { ...PATIENTLY, limit: PAGE, signal: this.signal });
      if (conversation.generation !== generation) return;
      conversation.load(page);
    } catch (error) {
      return this.#report(error);
    }
    const { newest } = conversation;
    if (this.#marks.isNew && newest !== undefined) this.#marks.set(id, newest.id);
    conversation.unread = conversation.newerThan(this.#marks.get(id));
    this.#changed();
  }

  #changed(): void {
    const { opened } = this;
    if (opened !== undefined && this.#watching) {
      opened.unread = 0;
      if (opened.newest !== undefined) this.#marks.set(opened.group.id, opened.newest.id);
    }
    this.#listener.changed();
  }

  #report(error: unknown): void {
    if (!this.signal.aborted && error instanceof ChatError && error.status === 401) this.#listener.ended(error);
  }
}
