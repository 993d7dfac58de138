import {
  type ChatClient,
  ChatError,
  type ChatEvent,
  isAfter,
  type MembershipChanged,
  type Message,
  type User,
} from '../../../client/index.ts';
import { SingleFlight } from '../../../single-flight.ts';
import { Conversation } from './conversation.ts';
import { Outbox } from './outbox.ts';
import type { ReadMarks } from './read-marks.ts';

/** Messages per page of history: more than a screen, and quick to load. */
const PAGE = 50;
/** Groups whose newest messages are loaded for the list at start; the others load when they are opened. */
const READ_AHEAD = 20;
/** The page cannot work without these requests, so they retry without limit. The node bar shows the cause meanwhile. */
const NO_DEADLINE = { deadlineMs: Number.POSITIVE_INFINITY };

/** Receives the changes of a {@link Chat}. */
export interface ChatListener {
  /** Something visible has changed. */
  changed(): void;
  /** Another user's message has arrived. */
  arrived(message: Message, conversation: Conversation): void;
  /** The session cannot go on: the user is unknown, or the token is refused. */
  ended(error: unknown): void;
}

/** The state that a signed-in user sees, kept up to date from the event stream. Independent of the view. */
export class Chat {
  readonly me: User;
  readonly outbox: Outbox;
  /** What the user has written in each group and not sent. */
  readonly drafts = new Map<number, string>();
  readonly #refresh = new SingleFlight(() => this.#readGroups());
  readonly #client: ChatClient;
  readonly #listener: ChatListener;
  readonly #marks: ReadMarks;
  readonly #conversations = new Map<number, Conversation>();
  readonly #ending = new AbortController();
  #groupsAsOf = '';
  /** Membership changes that arrived while the groups were being read: the response may be older than they are. */
  #changesWhileReading: MembershipChanged[] | undefined;
  #opened: number | undefined;
  #isVisible = true;

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

  /** Reloads the groups and returns the cursor of that snapshot. */
  refresh(): Promise<string> {
    return this.#refresh.run();
  }

  /** Aborted by stop(). Every request on behalf of this session uses it. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** The groups, sorted by latest message, newest first. */
  get conversations(): Conversation[] {
    const latest = ({ newest }: Conversation) => newest?.timestamp ?? '';
    return [...this.#conversations.values()].sort(
      (one, other) => latest(other).localeCompare(latest(one)) || other.group.id - one.group.id,
    );
  }

  /** False until the groups have been read for the first time. */
  get isLoaded(): boolean {
    return this.#groupsAsOf !== '';
  }

  /** The open group, if any. */
  get opened(): Conversation | undefined {
    return this.#opened === undefined ? undefined : this.#conversations.get(this.#opened);
  }

  /** The number of unread messages from other users. */
  get unread(): number {
    return [...this.#conversations.values()].reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Reads the groups, then follows the events until stop(). Rejects if a node refuses the request. */
  async start(): Promise<void> {
    const cursor = await this.refresh();
    void this.#follow(cursor);
    await this.#readAhead();
  }

  /** Cancels all requests and the event stream. */
  stop(): void {
    this.#ending.abort();
  }

  /** Opens a group (undefined closes the open one) and loads its newest messages if needed. */
  async open(groupId: number | undefined): Promise<void> {
    this.opened?.trim();
    this.#opened = groupId;
    this.#changed();
    if (this.opened?.loaded === false) await this.#load(this.opened);
  }

  /** Sets whether the page is visible. Messages of the open group count as read only while it is. */
  setVisible(isVisible: boolean): void {
    this.#isVisible = isVisible;
    this.#changed();
  }

  /** Loads the page before the oldest loaded message of a group, if there is one. */
  async loadOlder(conversation: Conversation): Promise<void> {
    if (!conversation.hasOlder) return;
    const { signal } = this;
    const before = conversation.oldestId;
    const options = { ...(before === undefined ? {} : { before }), limit: PAGE, signal };
    const page = await this.#client.messages(conversation.group.id, options);
    // If messages were dropped meanwhile, this page would leave a gap before the remaining ones.
    if (conversation.oldestId === before) conversation.loadOlder(page);
    this.#changed();
  }

  /** Deletes a message for all members. */
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
    const carriesMessage = event.kind === 'message' || event.kind === 'message_edited';
    if (!carriesMessage && event.kind !== 'message_deleted') return;
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
    this.#changesWhileReading?.push(event);
    this.#updateMembers(event);
    const isKnown = event.user_id !== this.me.id && this.#conversations.has(event.group_id);
    if (isKnown || !isAfter(event.cursor, this.#groupsAsOf)) return;
    const refreshed = this.refresh().then(async () => {
      const joined = this.#conversations.get(event.group_id);
      if (joined?.loaded === false) await this.#load(joined);
    });
    refreshed.catch((error) => this.#report(error));
  }

  #updateMembers({ kind, cursor, group_id, user_id: id, username }: MembershipChanged): void {
    const group = this.#conversations.get(group_id)?.group;
    if (group === undefined || !isAfter(cursor, this.#groupsAsOf)) return;
    const others = group.members.filter((member) => member.id !== id);
    group.members = kind === 'joined' ? [...others, { id, username: username ?? '' }] : others;
    this.#changed();
  }

  async #readGroups(): Promise<string> {
    const changes: MembershipChanged[] = [];
    this.#changesWhileReading = changes;
    const reading = this.#client.chats({ ...NO_DEADLINE, signal: this.signal });
    const { chats, cursor } = await reading.finally(() => {
      this.#changesWhileReading = undefined;
    });
    const ids = new Set(chats.map(({ id }) => id));
    for (const id of this.#conversations.keys()) if (!ids.has(id)) this.#conversations.delete(id);
    for (const group of chats) {
      const known = this.#conversations.get(group.id);
      if (known === undefined) this.#conversations.set(group.id, new Conversation(group, this.me.id));
      else known.group = group;
    }
    this.#groupsAsOf = cursor;
    for (const event of changes) this.#updateMembers(event);
    this.#changed();
    return cursor;
  }

  async #readAhead(): Promise<void> {
    const notLoaded = [...this.#conversations.values()].filter(({ loaded }) => !loaded);
    const first = notLoaded.sort((one, other) => Number(other === this.opened) - Number(one === this.opened));
    for (const conversation of first.slice(0, READ_AHEAD)) await this.#load(conversation);
  }

  async #load(conversation: Conversation): Promise<void> {
    const { generation } = conversation;
    const { id } = conversation.group;
    try {
      const page = await this.#client.messages(id, { ...NO_DEADLINE, limit: PAGE, signal: this.signal });
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
    if (opened !== undefined && this.#isVisible) {
      opened.unread = 0;
      if (opened.newest !== undefined) this.#marks.set(opened.group.id, opened.newest.id);
    }
    this.#listener.changed();
  }

  #report(error: unknown): void {
    if (!this.signal.aborted && error instanceof ChatError && error.status === 401) this.#listener.ended(error);
  }
}
