import {
  type Chat,
  type ChatClient,
  ChatError,
  type ChatEvent,
  type Ephemeral,
  type Message,
  type User,
} from '../../../client/index.ts';
import { type Store, Stored } from '../../shared/stored.ts';
import { sharePolls } from './connection/shared-polls.ts';
import { GroupList } from './groups/group-list.ts';
import { LiveUsers } from './live/live-users.ts';
import type { Conversation } from './messages/conversation.ts';
import { MessageChanges } from './messages/message-changes.ts';
import { MessageHistory } from './messages/message-history.ts';
import { ReadReports } from './messages/read-reports.ts';
import { Drafts, isDraft } from './storage/drafts.ts';
import { isUnsent, Outbox } from './storage/outbox.ts';
import { Snapshot } from './storage/snapshot.ts';

/** Receives the changes of a {@link ChatState}. */
export interface ChatListener {
  /** Something visible has changed. */
  changed(): void;
  /** Another user's message has arrived. */
  arrived(message: Message, conversation: Conversation): void;
  /** The session cannot continue: the user is unknown, or the token is refused. */
  ended(error: unknown): void;
  /** A message of an earlier visit cannot be sent: the user is no longer in its group. */
  undeliverable(content: string): void;
  /** Another user, of this name, has removed this one from a group. */
  removed(by: string, group: Chat): void;
}

/** Pauses of a {@link ChatState} in milliseconds that replace the usual ones. */
interface ChatPauses {
  /** Before a read mark is reported. */
  readReportMs?: number;
  /** Before missing reactions are read again for the first time. */
  reactionsFirstMs?: number;
}

/** The state that a signed-in user sees, kept up to date from the event stream. Independent of the view. */
export class ChatState {
  readonly me: User;
  readonly groups: GroupList;
  readonly outbox: Outbox;
  readonly drafts: Drafts;
  readonly history: MessageHistory;
  readonly changes: MessageChanges;
  readonly live: LiveUsers;
  readonly #client: ChatClient;
  readonly #listener: ChatListener;
  readonly #reads: ReadReports;
  readonly #snapshot: Snapshot;
  readonly #ending = new AbortController();
  #opened: number | undefined;
  #isVisible = true;

  /** `store` is where drafts and unsent messages are kept; it is called at each use, and may throw. */
  constructor(
    client: ChatClient,
    me: User,
    store: () => Store,
    listener: ChatListener,
    { readReportMs, reactionsFirstMs }: ChatPauses = {},
  ) {
    this.#client = client;
    this.me = me;
    this.#listener = listener;
    this.#reads = new ReadReports(client, this.signal, readReportMs);
    const context = {
      client,
      signal: this.signal,
      changed: () => listener.changed(),
      failed: (error: unknown) => this.#report(error),
    };
    this.history = new MessageHistory(context, reactionsFirstMs);
    this.changes = new MessageChanges(context);
    this.#snapshot = new Snapshot(store, me.id);
    this.live = new LiveUsers(context);
    this.groups = new GroupList(context, me, this.#snapshot, this.live.online);
    this.drafts = new Drafts(new Stored(store, `plantao.draft.${me.id}.`, isDraft));
    const unsent = new Stored(store, `plantao.outbox.${me.id}.`, isUnsent);
    this.outbox = new Outbox(context, me, unsent);
  }

  /** Aborted by stop(). Every request on behalf of this session uses it. */
  get signal(): AbortSignal {
    return this.#ending.signal;
  }

  /** Keeps what is loaded on this device for the next visit, and reports what has been read. */
  save(): void {
    this.groups.save();
    this.#reads.send();
  }

  /** Removes the loaded chats from this device. Unsent messages and drafts stay. */
  forget(): void {
    this.#snapshot.clear();
  }

  /** The id of the group that the page opened last; the user may not be in it. */
  get openedId(): number | undefined {
    return this.#opened;
  }

  /** The open group, if any. */
  get opened(): Conversation | undefined {
    return this.#opened === undefined ? undefined : this.groups.find(this.#opened);
  }

  /** The number of unread messages from other users. */
  get unread(): number {
    return this.groups.all.reduce((sum, { unread }) => sum + unread, 0);
  }

  /** Reads the groups, then follows the events until stop(). Rejects if a node refuses the request. */
  async start(): Promise<void> {
    const find = (groupId: number) => this.groups.find(groupId);
    // Unsent messages in groups of the last visit are shown even without a network, and sent as soon as there is one.
    this.outbox.restore(find);
    const cursor = await this.groups.refresh();
    void this.#follow(cursor);
    for (const text of this.outbox.removeUndeliverable(find)) this.#listener.undeliverable(text);
    this.outbox.restore(find);
    this.save();
    if (this.#opened !== undefined) await this.open(this.#opened);
  }

  /** Cancels all requests and the event stream. */
  stop(): void {
    this.#ending.abort();
  }

  /** Opens a group (undefined closes the open one) at its first unread message, and loads the messages there if needed. */
  async open(groupId: number | undefined): Promise<void> {
    const isOther = groupId !== this.#opened;
    if (isOther) this.opened?.window.trim();
    this.#opened = groupId;
    const { opened } = this;
    // A link to a message of the open group leaves the divider where it is.
    if (opened && (isOther || !opened.loaded)) opened.dividerAfter = undefined;
    opened?.markNew();
    this.#listener.changed();
    if (opened !== undefined) {
      void this.#readPresence(opened);
      void this.#readReads(opened);
    }
    // Before the first list, start() will load it.
    if (opened?.loaded === false && this.groups.isListed) await this.history.load(opened);
    else if (opened?.missingReactions.newest !== undefined) void this.history.readReactions(opened);
  }

  /** Sets whether the page is visible. Messages count as read only while it is. */
  setVisible(isVisible: boolean): void {
    if (isVisible && !this.#isVisible && this.opened !== undefined) void this.#readPresence(this.opened);
    this.#isVisible = isVisible;
    this.#listener.changed();
  }

  /** Records that the user has seen the messages of a group up to this one. */
  seen(conversation: Conversation, messageId: number): void {
    if (!this.#isVisible || !conversation.markRead(messageId)) return;
    this.#reads.report(conversation.group.id, conversation.lastReadId);
    this.#listener.changed();
  }

  async #follow(cursor: string): Promise<void> {
    const resync = async () => {
      const now = await this.groups.refresh();
      for (const conversation of this.groups.all) conversation.forget();
      if (this.opened !== undefined) {
        void this.#readReads(this.opened);
        await this.history.load(this.opened);
      }
      return now;
    };
    try {
      const observe = (signals: readonly Ephemeral[]) => this.live.observe(signals);
      const through = sharePolls(this.me.id, this.signal, observe);
      const onEphemeral = (signal: Ephemeral) => observe([signal]);
      const options = { cursor, signal: this.signal, onGap: 'resync', resync, through, onEphemeral } as const;
      for await (const event of this.#client.events(options)) this.#apply(event);
    } catch (error) {
      this.#listener.ended(error);
    }
  }

  #apply(event: ChatEvent): void {
    if (event.kind === 'left') this.#noticeRemoval(event);
    const message = this.groups.apply(event);
    const conversation = event.kind === 'message' ? this.groups.find(event.group_id) : undefined;
    if (message && conversation) this.#arrived(message, conversation);
    if (event.kind === 'left') this.live.stopped(event.group_id, event.user_id);
    if (event.kind === 'group_changed' && event.group_id === this.#opened && this.opened) {
      void this.#readReads(this.opened);
    }
    if (this.groups.isOutdatedBy(event)) this.#reload().catch((error) => this.#report(error));
    this.#listener.changed();
  }

  /** A group that was deleted is no longer in the list when its members leave it. */
  #noticeRemoval({ group_id, user_id, actor_id, actor }: Extract<ChatEvent, { kind: 'left' }>): void {
    const group = this.groups.find(group_id)?.group;
    if (group && user_id === this.me.id && actor_id !== user_id && actor) this.#listener.removed(actor, group);
  }

  #arrived(message: Message, conversation: Conversation): void {
    this.live.stopped(conversation.group.id, message.sender_id);
    if (conversation !== this.opened) conversation.window.trim();
    this.#listener.arrived(message, conversation);
  }

  /** Reads whether the other user of a direct chat is connected: a signal may have got lost. */
  async #readPresence({ group }: Conversation): Promise<void> {
    const ids = group.members.map(({ id }) => id);
    if (group.direct) await this.live.readMembers(group.id, ids);
  }

  /** Reads how far the members have read, in a group that shows it. Events update it; an error changes nothing. */
  async #readReads({ group, reads }: Conversation): Promise<void> {
    if (!group.shows_reads) return;
    try {
      const options = { signal: this.signal, deadlineMs: 5000 };
      for (const mark of (await this.#client.reads(group.id, options)).reads)
        reads.set(mark.user_id, mark.last_read_id);
      this.#listener.changed();
    } catch (error) {
      this.#report(error);
    }
  }

  async #reload(): Promise<void> {
    await this.groups.refresh();
    if (this.opened?.loaded === false) await this.history.load(this.opened);
  }

  #report(error: unknown): void {
    if (!this.signal.aborted && error instanceof ChatError && error.status === 401) this.#listener.ended(error);
  }
}
