import { AccountCalls } from './calls/account-calls.ts';
import { GroupCalls } from './calls/group-calls.ts';
import { OperationCalls } from './calls/operation-calls.ts';
import { EventIterator, type EventsOptions } from './event-iterator.ts';
import type { ChatClientOptions, EditOptions, PageOptions, SearchOptions, SendOptions } from './options.ts';
import { groupSource, userSource } from './poll-sources.ts';
import { type BackoffBounds, defaultBackoff } from './requests/backoff.ts';
import type { CallOptions } from './requests/cluster-connection.ts';
import type { ApiRequest } from './requests/single-request.ts';
import { ClientSession } from './session.ts';
import type {
  ChatList,
  ClusterStatus,
  CreatedGroup,
  DirectChat,
  EditResult,
  GroupReads,
  Member,
  MessagePage,
  NotifyResult,
  PresenceList,
  ReactionResult,
  ReadMark,
  SearchResult,
  SendResult,
  Sync,
  User,
} from './types.ts';

/**
 * A client of a whole cluster. It finds the active node for writes, stays with one node for reads, follows failovers, and
 * retries everything that is safe to repeat until a deadline: a request that creates something carries an idempotency key. Runs
 * in Node.js and in browsers.
 *
 * Errors: RefusedError at once for a 4xx, UnreachableError if no node responded in time, OutcomeUnknownError if the response
 * to a request that must not be repeated was lost (a change of password). All extend ChatError.
 */
export class ChatClient extends ClientSession {
  /** The signed-in user's own account. */
  readonly account: AccountCalls;
  /** Administration of groups, and invitations. */
  readonly groups: GroupCalls;
  /** Operating the cluster. */
  readonly operations: OperationCalls;
  readonly #backoff: BackoffBounds;
  readonly #random: () => number;

  constructor(options: ChatClientOptions) {
    super(options);
    this.#random = options.random ?? Math.random;
    this.#backoff = options.backoff ?? defaultBackoff;
    this.account = new AccountCalls(this.calls);
    this.groups = new GroupCalls(this.calls);
    this.operations = new OperationCalls(this.calls);
  }

  /** Returns the user's groups, the most recently active first, and the cursor for events(). */
  async chats(options: CallOptions = {}): Promise<ChatList> {
    return this.calls.read<ChatList>('/chats', { userId: this.calls.me() }, 'chats', options);
  }

  /** Returns the user, all chats and the cursor for events(), in one snapshot. */
  async sync(options: CallOptions = {}): Promise<Sync> {
    return this.calls.read<Sync>('/sync', { userId: this.calls.me() }, 'chats', options);
  }

  /** Creates a group of this user and the given usernames. */
  async createChat(name: string, members: readonly string[] = [], options: CallOptions = {}): Promise<CreatedGroup> {
    const body = { groupName: name, creatorId: this.calls.me(), members };
    return this.calls.write<CreatedGroup>('/create-chat', { body }, 'group_id', options);
  }

  /** Returns the one direct chat with another user, and creates it if there is none. */
  async openDirect(otherUserId: number, options: CallOptions = {}): Promise<DirectChat> {
    const body = { otherUserId, userId: this.calls.me() };
    return this.calls.write<DirectChat>('/direct', { body }, 'group_id', options);
  }

  /** Returns the users whose name contains `query`. */
  async users(query: string, { limit, ...options }: CallOptions & { limit?: number } = {}): Promise<User[]> {
    const request = { username: query, limit };
    return (await this.calls.read<{ users: User[] }>('/users', request, 'users', options)).users;
  }

  /** Returns the members of a group with their roles. */
  async members(groupId: number, options: CallOptions = {}): Promise<Member[]> {
    return (await this.calls.read<{ users: Member[] }>('/group-users', { groupId }, 'users', options)).users;
  }

  /** Adds a user to a group; by default, the signed-in user. Idempotent. */
  async join(groupId: number, options: CallOptions & { userId?: number } = {}): Promise<void> {
    const body = { groupId, userId: options.userId ?? this.calls.me(), actorId: this.calls.userId };
    await this.calls.write<{ group_id: number }>('/group-users', { body }, 'group_id', options);
  }

  /**
   * Joins the group of that name and creates it if needed, unless `create` is false. With AUTH=token it only finds groups of
   * this user. @throws {RefusedError} `group_not_found`; similarNameOf() returns which group may have been meant, if any.
   */
  async joinNamed(name: string, options: CallOptions & { create?: boolean } = {}): Promise<void> {
    const path = `/user/${this.calls.me()}/groups/${encodeURIComponent(name)}`;
    const body = options.create === false ? { body: { create: false } } : {};
    await this.calls.write<{ groups: string[] }>(path, body, 'groups', options);
  }

  /** Removes a user from a group; by default, the signed-in user. Idempotent. */
  async leave(groupId: number, options: CallOptions & { userId?: number } = {}): Promise<void> {
    const body = { groupId, userId: options.userId ?? this.calls.me(), actorId: this.calls.userId };
    await this.calls.execute('/group-users', { method: 'DELETE', body }, options);
  }

  /** Returns a page of a group's messages, oldest first, and the cursor for groupEvents(). */
  async messages(groupId: number, options: PageOptions = {}): Promise<MessagePage> {
    const { before, after, around, limit } = options;
    const query = { groupId, before, after, around, limit, userId: this.calls.userId };
    return this.calls.read<MessagePage>('/messages', query, 'messages', options);
  }

  /** Sends a message and resolves when it is stored. However often it is retried, it is stored once. */
  async send(groupId: number, content: string, options: SendOptions = {}): Promise<SendResult> {
    const { idempotencyKey, durable } = options;
    const headers = {
      ...(idempotencyKey !== undefined && { 'Idempotency-Key': idempotencyKey }),
      ...(durable && { Prefer: `durable=${durable}` }),
    };
    const { replyTo, meta } = options;
    const body = { userId: this.calls.me(), groupId, content, replyTo, meta };
    return this.calls.write<SendResult>('/messages', { body, headers }, 'message_id', options);
  }

  /** Changes the text of the user's own message. */
  async editMessage(messageId: number, content: string, options: EditOptions = {}): Promise<EditResult> {
    const body = { messageId, content, meta: options.meta, userId: this.calls.me() };
    return this.calls.write<EditResult>('/messages', { method: 'PATCH', body }, 'message_id', options);
  }

  /** Deletes a message. */
  async deleteMessage(messageId: number, options: CallOptions = {}): Promise<void> {
    const body = { messageId, userId: this.calls.me() };
    const request = { method: 'DELETE', body, alreadyDoneCodes: ['message_not_found'] } as const;
    await this.calls.execute('/messages', request, options);
  }

  /** Adds a reaction to a message. Idempotent. */
  async react(messageId: number, emoji: string, options: CallOptions = {}): Promise<ReactionResult> {
    const body = { messageId, emoji, userId: this.calls.me() };
    return this.calls.write<ReactionResult>('/reactions', { body }, 'count', options);
  }

  /** Removes a reaction. Idempotent. */
  async unreact(messageId: number, emoji: string, options: CallOptions = {}): Promise<ReactionResult> {
    const body = { messageId, emoji, userId: this.calls.me() };
    return this.calls.write<ReactionResult>('/reactions', { method: 'DELETE', body }, 'count', options);
  }

  /** Returns the messages of the user's groups that contain all words of `q`, newest first. */
  async search(q: string, options: SearchOptions = {}): Promise<SearchResult> {
    const { groupId, senderId, before, limit } = options;
    const query = { q, groupId, senderId, before, limit, userId: this.calls.me() };
    return this.calls.read<SearchResult>('/search', query, 'messages', options);
  }

  /** Moves the read mark of a group to a message, never back. Returns the message id where the mark is then. */
  async markRead(groupId: number, messageId: number, options: CallOptions = {}): Promise<number> {
    const body = { groupId, messageId, userId: this.calls.me() };
    return (await this.calls.write<ReadMark>('/read', { body }, 'last_read_id', options)).last_read_id;
  }

  /** Returns how far each member of a group has read; of the user alone if the group does not show reads. */
  async reads(groupId: number, options: CallOptions = {}): Promise<GroupReads> {
    return this.calls.read<GroupReads>('/read', { groupId, userId: this.calls.me() }, 'reads', options);
  }

  /** Notifies the other members of a group that the user is typing. Call it every 3 s while that lasts. A signal may be lost. */
  async typing(groupId: number, options: CallOptions = {}): Promise<void> {
    const request: ApiRequest = { method: 'POST', path: '/typing', body: { groupId, userId: this.calls.me() } };
    await this.calls.connection.read(request, options);
  }

  /** Returns the members of a group who are connected. events() reports changes with `onEphemeral`. */
  async presence(groupId: number, options: CallOptions = {}): Promise<PresenceList> {
    return this.calls.read<PresenceList>('/presence', { groupId }, 'online_users', options);
  }

  /** Sends a notification to all clients that wait for this name, once however often it is retried. Returns its cursor. */
  async notify(name: string, payload?: unknown, options: CallOptions = {}): Promise<string> {
    const body = payload === undefined ? {} : { payload };
    const path = `/notify/${encodeURIComponent(name)}`;
    return (await this.calls.write<NotifyResult>(path, { body }, 'cursor', options)).cursor;
  }

  /** Iterates over all events of the user's groups from the cursor on, without end. */
  events(options: EventsOptions = {}): EventIterator {
    return new EventIterator(userSource(this.calls), options, this.#backoff, this.#random);
  }

  /** Iterates over all events of one group from the cursor on, without end. Needs no signed-in user with AUTH=open. */
  groupEvents(groupId: number, options: EventsOptions = {}): EventIterator {
    return new EventIterator(groupSource(this.calls, groupId), options, this.#backoff, this.#random);
  }

  /** Returns GET /cluster: the nodes and the latest terms, as recorded in the database. */
  async cluster(options: CallOptions = {}): Promise<ClusterStatus> {
    return this.operations.cluster(options);
  }
}
