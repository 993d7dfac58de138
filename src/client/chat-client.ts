import { bodyWith } from './answers.ts';
import type { Answer, Request } from './attempt.ts';
import { type BackoffBounds, defaultBackoff } from './backoff.ts';
import { type CallOptions, Connection, type ConnectionOptions } from './connection.ts';
import { ChatError } from './errors.ts';
import { type EventSource, EventStream, type EventsOptions } from './event-stream.ts';
import { newIdempotencyKey } from './idempotency-key.ts';
import type { ChatList, ClusterStatus, CreatedGroup, MessagePage, NodeStatus, Sent, Session, User } from './types.ts';

/** Settings of a client. `userId` is from an earlier login, as is `token`. */
export interface ChatClientOptions extends ConnectionOptions {
  userId?: number;
}

/** How to send a message. A retry of a message whose outcome is not known passes the same key. */
export interface SendOptions extends CallOptions {
  idempotencyKey?: string;
}

/** Which messages to read: the newest page, or the one before or after a message id. */
export interface PageOptions extends CallOptions {
  before?: number;
  after?: number;
  limit?: number;
}

/**
 * A client of a whole cluster: it finds the active node for writes, stays with one node for reads, follows failovers, and
 * repeats what may be repeated until a deadline. Runs in Node and in browsers.
 *
 * Errors: RefusedError for a 4xx at once, UnreachableError when no node did it in time, OutcomeUnknownError when the answer
 * to a register() or createChat() was lost, ChatError above them all.
 */
export class ChatClient {
  readonly #connection: Connection;
  readonly #pace: BackoffBounds;
  readonly #random: () => number;
  #userId: number | undefined;

  constructor(options: ChatClientOptions) {
    this.#random = options.random ?? Math.random;
    this.#pace = options.backoff ?? defaultBackoff;
    this.#connection = new Connection(options, this.#random);
    this.#userId = options.userId;
  }

  /** The signed-in user's id, or undefined. */
  get userId(): number | undefined {
    return this.#userId;
  }

  /** The token of the session, where the cluster gives one. */
  get token(): string | undefined {
    return this.#connection.token;
  }

  /** Every node address that this client knows; nodes that others named are among them. */
  get urls(): string[] {
    return this.#connection.urls;
  }

  /** Makes further nodes known, as GET /cluster lists them. Throws TypeError for what is no http(s) address. */
  addUrls(urls: readonly string[]): void {
    for (const url of urls) this.#connection.addUrl(url);
  }

  /** Signs in; where AUTH=open, makes the account where there is none. The client acts as that user from then on. */
  async login(username: string, password?: string, options: CallOptions = {}): Promise<Session> {
    const body = password === undefined ? { username } : { username, password };
    return this.#enter(await this.#connection.write({ method: 'POST', path: '/login', body }, options));
  }

  /** Makes an account with a password and signs in. RefusedError `username_taken` where there is one. */
  async register(username: string, password: string, options: CallOptions = {}): Promise<Session> {
    const body = { username, password };
    return this.#enter(
      await this.#connection.write({ method: 'POST', path: '/register', body }, options, { repeatable: false }),
    );
  }

  /** Forgets user and token at once, then has the cluster refuse the token. Rejects when that could not be told. */
  async logout(options: CallOptions = {}): Promise<void> {
    const token = this.#connection.token;
    this.#connection.token = undefined;
    this.#userId = undefined;
    if (token === undefined) return;
    const headers = { Authorization: `Bearer ${token}` };
    const request: Request = { method: 'POST', path: '/logout', headers };
    await this.#connection.write(request, options, { doneAlready: 'unauthenticated' });
  }

  /** The user's groups with their members, and the cursor from which events() goes on. */
  async chats(options: CallOptions = {}): Promise<ChatList> {
    const request: Request = { method: 'GET', path: '/chats', query: { userId: this.#me() } };
    return bodyWith<ChatList>(await this.#connection.read(request, options), 'chats');
  }

  /** Makes a group of this user and the usernames given. */
  async createChat(name: string, members: readonly string[] = [], options: CallOptions = {}): Promise<CreatedGroup> {
    const body = { groupName: name, creatorId: this.#me(), members };
    const answer = await this.#connection.write({ method: 'POST', path: '/create-chat', body }, options, {
      repeatable: false,
    });
    return bodyWith<CreatedGroup>(answer, 'group_id');
  }

  /** Users whose name has `query` in it. */
  async users(query: string, options: CallOptions & { limit?: number } = {}): Promise<User[]> {
    const request: Request = { method: 'GET', path: '/users', query: { username: query, limit: options.limit } };
    return bodyWith<{ users: User[] }>(await this.#connection.read(request, options), 'users').users;
  }

  /** The members of a group. */
  async members(groupId: number, options: CallOptions = {}): Promise<User[]> {
    const request: Request = { method: 'GET', path: '/group-users', query: { groupId } };
    return bodyWith<{ users: User[] }>(await this.#connection.read(request, options), 'users').users;
  }

  /** Adds a user to a group, by default oneself. Telling twice is fine. */
  async join(groupId: number, options: CallOptions & { userId?: number } = {}): Promise<void> {
    const body = { groupId, userId: options.userId ?? this.#me() };
    await this.#connection.write({ method: 'POST', path: '/group-users', body }, options);
  }

  /** Joins the group of that name, made where there is none; where AUTH=token, where this user is in none of that name. */
  async joinNamed(name: string, options: CallOptions = {}): Promise<void> {
    const path = `/user/${this.#me()}/groups/${encodeURIComponent(name)}`;
    await this.#connection.write({ method: 'POST', path }, options);
  }

  /** Takes a user out of a group, by default oneself. Telling twice is fine. */
  async leave(groupId: number, options: CallOptions & { userId?: number } = {}): Promise<void> {
    const body = { groupId, userId: options.userId ?? this.#me() };
    await this.#connection.write({ method: 'DELETE', path: '/group-users', body }, options);
  }

  /** A page of a group's messages, oldest first, and the cursor from which groupEvents() goes on. */
  async messages(groupId: number, options: PageOptions = {}): Promise<MessagePage> {
    const { before, after, limit } = options;
    const request: Request = { method: 'GET', path: '/messages', query: { groupId, before, after, limit } };
    return bodyWith<MessagePage>(await this.#connection.read(request, options), 'messages');
  }

  /** Sends a message and answers when it is stored for good. However often it is tried, it is stored once. */
  async send(groupId: number, content: string, options: SendOptions = {}): Promise<Sent> {
    const headers = { 'Idempotency-Key': options.idempotencyKey ?? newIdempotencyKey() };
    const body = { userId: this.#me(), groupId, content };
    const answer = await this.#connection.write({ method: 'POST', path: '/messages', body, headers }, options);
    return bodyWith<Sent>(answer, 'message_id');
  }

  /** Deletes a message. */
  async deleteMessage(messageId: number, options: CallOptions = {}): Promise<void> {
    const body = { messageId, userId: this.#me() };
    await this.#connection.write({ method: 'DELETE', path: '/messages', body }, options, {
      doneAlready: 'message_not_found',
    });
  }

  /** Everything in the user's groups from the cursor on, without end: see EventStream. */
  events(options: EventsOptions = {}): EventStream {
    const connection = this.#connection;
    const source: EventSource = {
      now: async (signal) => {
        const request: Request = { method: 'GET', path: '/chats', query: { userId: this.#me() } };
        return bodyWith<ChatList>(await connection.readPatiently(request, signal), 'cursor').cursor;
      },
      poll: (cursor, signal) => {
        const query = { user_id: this.#me(), cursor };
        return connection.poll({ method: 'GET', path: '/subscribe/user', query }, signal);
      },
    };
    return new EventStream(source, options, this.#pace, this.#random);
  }

  /** Everything in one group from the cursor on, without end, for callers that need not be a user. */
  groupEvents(groupId: number, options: EventsOptions = {}): EventStream {
    const connection = this.#connection;
    const source: EventSource = {
      now: async (signal) => {
        const request: Request = { method: 'GET', path: '/messages', query: { groupId, limit: 1 } };
        return bodyWith<MessagePage>(await connection.readPatiently(request, signal), 'cursor').cursor;
      },
      poll: (cursor, signal) => {
        return connection.poll({ method: 'GET', path: '/subscribe/status', query: { groupId, cursor } }, signal);
      },
    };
    return new EventStream(source, options, this.#pace, this.#random);
  }

  /** Asks every known node for its state. What hangs on a node that is silent here goes on with another one. */
  status(options: { signal?: AbortSignal } = {}): Promise<NodeStatus[]> {
    return this.#connection.status(options.signal);
  }

  /** GET /cluster: the nodes and the last terms as the database knows them. */
  async cluster(options: CallOptions = {}): Promise<ClusterStatus> {
    return bodyWith<ClusterStatus>(await this.#connection.read({ method: 'GET', path: '/cluster' }, options), 'nodes');
  }

  #me(): number {
    if (this.#userId !== undefined) return this.#userId;
    throw new ChatError('nobody is signed in: call login() or register() first', { code: 'not_signed_in' });
  }

  #enter(answer: Answer): Session {
    const session = bodyWith<Session>(answer, 'user_id');
    this.#userId = session.user_id;
    this.#connection.token = session.token;
    return session;
  }
}
