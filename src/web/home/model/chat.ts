import {
  type ChatClient,
  ChatError,
  type ChatEvent,
  type Chat as ChatGroup,
  isAfter,
  type MembershipChanged,
  type Message,
  type User,
} from '../../../client/index.ts';
import { SingleFlight } from '../../../single-flight.ts';
import { Conversation } from './conversation.ts';
import { Drafts, isDraft } from './drafts.ts';
import { History } from './history.ts';
import { MessageChanges } from './message-changes.ts';
import { isUnsent, Outbox } from './outbox.ts';
import { ReadReports } from './read-reports.ts';
import { sharePolls } from './shared-polls.ts';
import { Snapshot } from './snapshot.ts';
import { type Store, Stored } from './stored.ts';

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
  readonly drafts: Drafts;
  readonly history: History;
  readonly changes: MessageChanges;
  readonly #refresh = new SingleFlight(() => this.#readGroups());
  readonly #client: ChatClient;
  readonly #listener: ChatListener;
  readonly #reads: ReadReports;
  readonly #snapshot: Snapshot;
  readonly #conversations = new Map<number, Conversation>();
  readonly #ending = new AbortController();
  #groupsAsOf = '';
  /** Events that arrived while the groups were being read: the response may be older than they are. */
  #whileReading: ChatEvent[] | undefined;
  #opened: number | undefined;
  #isVisible = true;

  /** `store` is where drafts and unsent messages are kept; it is called at each use, and may throw. */
  constructor(client: ChatClient, me: User, store: () => Store, listener: ChatListener) {
    this.#client = client;
    this.me = me;
    this.#listener = listener;
    this.#reads = new ReadReports(client, this.signal);
    const context = {
      client,
      signal: this.signal,
      changed: () => listener.changed(),
      failed: (error: unknown) => this.#report(error),
    };
    this.history = new History(context);
    this.changes = new MessageChanges(context);
    this.#snapshot = new Snapshot(store, me.id);
    this.#restore();
    this.drafts = new Drafts(new Stored(store, `plantao.draft.${me.id}.`, isDraft));
    const unsent = new Stored(store, `plantao.outbox.${me.id}.`, isUnsent);
    this.outbox = new Outbox(client, me, this.signal, unsent, {
      changed: () => this.#listener.changed(),
      refused: (error) => this.#report(error),
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

  /** The groups, the most recently active first. */
  get conversations(): Conversation[] {
    return [...this.#conversations.values()].sort(
      (one, other) => compare(other.activeAt, one.activeAt) || other.group.id - one.group.id,
    );
  }

  /** False until there is a list of groups: that of the last visit, or the first one of this visit. */
  get isLoaded(): boolean {
    return this.#groupsAsOf !== '' || this.#conversations.size > 0;
  }

  /** Keeps what is loaded on this device for the next visit. Does nothing before the first list of this one. */
  save(): void {
    if (this.#groupsAsOf !== '') this.#snapshot.save(this.conversations);
  }

  /** Removes what is kept on this device, except what is not sent yet. */
  forget(): void {
    this.#snapshot.clear();
  }

  /** The id of the group that is or would be open: the user may not be in it. */
  get openedId(): number | undefined {
    return this.#opened;
  }

  /** The open group, if any. */
  get opened(): Conversation | undefined {
    return this.#opened === undefined ? undefined : this.find(this.#opened);
  }

  /** Returns the user's group with that id. */
  find(groupId: number): Conversation | undefined {
    return this.#conversations.get(groupId);
  }

  /** The number of unread messages from other users. */
  get unread(): number {
    return [...this.#conversations.values()].reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Reads the groups, then follows the events until stop(). Rejects if a node refuses the request. */
  async start(): Promise<void> {
    const cursor = await this.refresh();
    void this.#follow(cursor);
    this.outbox.restore((groupId) => this.find(groupId));
    if (this.#opened !== undefined) await this.open(this.#opened);
  }

  /** Cancels all requests and the event stream. */
  stop(): void {
    this.#ending.abort();
  }

  /** Opens a group (undefined closes the open one) at its first unread message, and loads the messages there if needed. */
  async open(groupId: number | undefined): Promise<void> {
    if (groupId !== this.#opened) this.opened?.window.trim();
    this.#opened = groupId;
    const { opened } = this;
    if (opened !== undefined) opened.dividerAfter = opened.unread > 0 ? opened.lastReadId : undefined;
    this.#listener.changed();
    // Before the first list, start() will load it.
    if (opened?.loaded === false && this.#groupsAsOf !== '') await this.history.load(opened);
  }

  /** Sets whether the page is visible. Messages count as read only while it is. */
  setVisible(isVisible: boolean): void {
    this.#isVisible = isVisible;
    this.#listener.changed();
  }

  /** Records that the user has seen the messages of a group up to this one. */
  seen(conversation: Conversation, messageId: number): void {
    if (!this.#isVisible || !conversation.markRead(messageId)) return;
    this.#reads.report(conversation.group.id, conversation.lastReadId);
    this.#listener.changed();
  }

  #restore(): void {
    for (const { group, activeAt, messages } of this.#snapshot.load()) {
      const conversation = new Conversation(group, this.me.id);
      this.#conversations.set(group.id, conversation);
      conversation.list(group, '', activeAt);
      conversation.restore(messages);
    }
  }

  async #follow(cursor: string): Promise<void> {
    const resync = async () => {
      const now = await this.refresh();
      for (const conversation of this.#conversations.values()) conversation.forget();
      if (this.opened !== undefined) await this.history.load(this.opened);
      return now;
    };
    try {
      const through = sharePolls(this.me.id, this.signal);
      const options = { cursor, signal: this.signal, onGap: 'resync', resync, through } as const;
      for await (const event of this.#client.events(options)) this.#apply(event);
    } catch (error) {
      this.#listener.ended(error);
    }
  }

  #apply(event: ChatEvent): void {
    this.#whileReading?.push(event);
    if (event.kind === 'joined' || event.kind === 'left') this.#applyMembership(event);
    if (event.kind === 'group_deleted') this.#conversations.delete(event.group_id);
    const groupId = 'group_id' in event ? event.group_id : null;
    const conversation = groupId === null ? undefined : this.find(groupId);
    if (conversation !== undefined) this.#applyTo(conversation, event);
    this.#listener.changed();
  }

  #applyTo(conversation: Conversation, event: ChatEvent): void {
    if (event.kind === 'group_changed') {
      const { name, description, archived } = event;
      conversation.group = { ...conversation.group, name, description, archived };
    }
    if (event.kind === 'role_changed' && event.user_id === this.me.id) {
      conversation.group = { ...conversation.group, role: event.role };
    }
    const message = conversation.apply(event);
    if (message === undefined) return;
    if (conversation !== this.opened) conversation.window.trim();
    this.#listener.arrived(message, conversation);
  }

  #applyMembership(event: MembershipChanged): void {
    this.#updateMembers(event);
    const isKnown = event.user_id !== this.me.id && this.#conversations.has(event.group_id);
    if (isKnown || !isAfter(event.cursor, this.#groupsAsOf)) return;
    const refreshed = this.refresh().then(async () => {
      if (this.opened?.loaded === false) await this.history.load(this.opened);
    });
    refreshed.catch((error) => this.#report(error));
  }

  #updateMembers({ kind, cursor, group_id, user_id: id, username }: MembershipChanged): void {
    const conversation = this.find(group_id);
    if (conversation === undefined || !isAfter(cursor, this.#groupsAsOf)) return;
    const { group } = conversation;
    const others = group.members.filter((member) => member.id !== id);
    const members = kind === 'joined' && username !== null ? [...others, { id, username }] : others;
    const members_count = group.members_count + members.length - group.members.length;
    conversation.group = { ...group, members, members_count };
    this.#listener.changed();
  }

  async #readGroups(): Promise<string> {
    const meanwhile: ChatEvent[] = [];
    this.#whileReading = meanwhile;
    const reading = this.#client.chats({ ...NO_DEADLINE, signal: this.signal });
    const { chats, cursor } = await reading.finally(() => {
      this.#whileReading = undefined;
    });
    const ids = new Set(chats.map(({ id }) => id));
    for (const id of this.#conversations.keys()) if (!ids.has(id)) this.#conversations.delete(id);
    let activeAt = new Date().toISOString();
    for (const group of chats) {
      // Sorted by activity: a group without messages is about as active as its neighbour in the list.
      activeAt = group.last_message?.timestamp ?? activeAt;
      this.#list(group, cursor, activeAt);
    }
    this.#groupsAsOf = cursor;
    for (const event of meanwhile) {
      if (event.kind === 'joined' || event.kind === 'left') this.#updateMembers(event);
      else if ('group_id' in event && event.group_id !== null) this.find(event.group_id)?.apply(event);
    }
    this.#listener.changed();
    return cursor;
  }

  #list(group: ChatGroup, cursor: string, activeAt: string): void {
    const conversation = this.find(group.id) ?? new Conversation(group, this.me.id);
    this.#conversations.set(group.id, conversation);
    conversation.list(group, cursor, activeAt);
  }

  #report(error: unknown): void {
    if (!this.signal.aborted && error instanceof ChatError && error.status === 401) this.#listener.ended(error);
  }
}

/** Compares times as ISO 8601, a hundred times as fast as localeCompare. */
function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
