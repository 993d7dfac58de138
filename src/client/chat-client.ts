import { decodeBody } from './decoding.ts';
import { ChatError } from './errors.ts';
import { EventIterator, type EventsOptions, type PollSource } from './event-iterator.ts';
import { newIdempotencyKey } from './idempotency-key.ts';
import { type BackoffBounds, defaultBackoff } from './requests/backoff.ts';
import { type CallOptions, Connection, type ConnectionOptions } from './requests/connection.ts';
import type { NodeRequest, NodeResponse } from './requests/single-request.ts';
import type {
  ChatList,
  ClusterStatus,
  CreatedGroup,
  MessagePage,
  NodeStatus,
  SendResult,
  SignInResult,
  User,
} from './types.ts';

/** Options of a client. `userId` and `token` are those of an earlier login. */
export interface ChatClientOptions extends ConnectionOptions {
  userId?: number;
}

/** Options of send(). Pass the same key when you retry a message whose outcome is unknown. */
export interface SendOptions extends CallOptions {
  idempotencyKey?: string;
  /** `replicated`: resolve once PostgreSQL's synchronous standbys have the message. Fails with the code `not_replicated`. */
  durable?: 'replicated';
}

/** Which messages to read: the newest page, or the page before or after a message id. */
export interface PageOptions extends CallOptions {
  before?: number;
  after?: number;
  limit?: number;
}

/**
 * A client of a whole cluster. It finds the active node for writes, stays with one node for reads, follows failovers, and
 * retries until a deadline whatever is safe to repeat. Runs in Node.js and in browsers.
 *
 * Errors: RefusedError at once for a 4xx, UnreachableError if no node responded in time, OutcomeUnknownError if the response
 * to register() or createChat() was lost. All extend ChatError.
 */
export class ChatClient {
  readonly #connection: Connection;
  readonly #backoff: BackoffBounds;
  readonly #random: () => number;
  #userId: number | undefined;

  constructor(options: ChatClientOptions) {
    this.#random = options.random ?? Math.random;
    this.#backoff = options.backoff ?? defaultBackoff;
    this.#connection = new Connection(options, this.#random);
    this.#userId = options.userId;
  }

  /** The signed-in user's id, or undefined. */
  get userId(): number | undefined {
    return this.#userId;
  }

  /** The token from the login, if the cluster issues tokens. */
  get token(): string | undefined {
    return this.#connection.token;
  }

  /** The id of the cluster that this client signed in to; no node of another one is used. */
  get clusterId(): string | undefined {
    return this.#connection.clusterId;
  }

  /** Every known node address, including those learned from other nodes. */
  get urls(): string[] {
    return this.#connection.urls;
  }

  /** Adds node addresses, for example those of cluster(). @throws {TypeError} if one is not an http(s) address. */
  addUrls(urls: readonly string[]): void {
    for (const url of urls) this.#connection.addUrl(url);
  }

  /** Signs in; with AUTH=open a new name creates the account. The client acts as that user from then on. */
  async login(username: string, password?: string, options: CallOptions = {}): Promise<SignInResult> {
    const body = password === undefined ? { username } : { username, password };
    return this.#startSession(await this.#connection.write({ method: 'POST', path: '/login', body }, options));
  }

  /** Creates an account with a password and signs in. @throws {RefusedError} `username_taken`. */
  async register(username: string, password: string, options: CallOptions = {}): Promise<SignInResult> {
    const body = { username, password };
    return this.#startSession(
      await this.#connection.write({ method: 'POST', path: '/register', body }, options, { repeatable: false }),
    );
  }

  /** Forgets user and token at once, then revokes the token. Rejects if the token could not be revoked. */
  async logout(options: CallOptions = {}): Promise<void> {
    const token = this.#connection.token;
    this.#connection.token = undefined;
    this.#userId = undefined;
    if (token === undefined) return;
    const headers = { Authorization: `Bearer ${token}` };
    const request: NodeRequest = { method: 'POST', path: '/logout', headers };
    await this.#connection.write(request, options, { alreadyDoneCode: 'unauthenticated' });
  }

  /** Returns the user's groups with their members, and the cursor for events(). */
  async chats(options: CallOptions = {}): Promise<ChatList> {
    const request: NodeRequest = { method: 'GET', path: '/chats', query: { userId: this.#me() } };
    return decodeBody<ChatList>(await this.#connection.read(request, options), 'chats');
  }

  /** Creates a group of this user and the given usernames. */
  async createChat(name: string, members: readonly string[] = [], options: CallOptions = {}): Promise<CreatedGroup> {
    const body = { groupName: name, creatorId: this.#me(), members };
    const response = await this.#connection.write({ method: 'POST', path: '/create-chat', body }, options, {
      repeatable: false,
    });
    return decodeBody<CreatedGroup>(response, 'group_id');
  }

  /** Returns the users whose name contains `query`. */
  async users(query: string, options: CallOptions & { limit?: number } = {}): Promise<User[]> {
    const request: NodeRequest = { method: 'GET', path: '/users', query: { username: query, limit: options.limit } };
    return decodeBody<{ users: User[] }>(await this.#connection.read(request, options), 'users').users;
  }

  /** Returns the members of a group. */
  async members(groupId: number, options: CallOptions = {}): Promise<User[]> {
    const request: NodeRequest = { method: 'GET', path: '/group-users', query: { groupId } };
    return decodeBody<{ users: User[] }>(await this.#connection.read(request, options), 'users').users;
  }

  /** Adds a user to a group; by default, the signed-in user. Idempotent. */
  async join(groupId: number, options: CallOptions & { userId?: number } = {}): Promise<void> {
    const body = { groupId, userId: options.userId ?? this.#me() };
    await this.#connection.write({ method: 'POST', path: '/group-users', body }, options);
  }

  /** Joins the group of that name and creates it if needed. With AUTH=token it only finds groups of this user. */
  async joinNamed(name: string, options: CallOptions = {}): Promise<void> {
    const path = `/user/${this.#me()}/groups/${encodeURIComponent(name)}`;
    await this.#connection.write({ method: 'POST', path }, options);
  }

  /** Removes a user from a group; by default, the signed-in user. Idempotent. */
  async leave(groupId: number, options: CallOptions & { userId?: number } = {}): Promise<void> {
    const body = { groupId, userId: options.userId ?? this.#me() };
    await this.#connection.write({ method: 'DELETE', path: '/group-users', body }, options);
  }

  /** Returns a page of a group's messages, oldest first, and the cursor for groupEvents(). */
  async messages(groupId: number, options: PageOptions = {}): Promise<MessagePage> {
    const { before, after, limit } = options;
    const request: NodeRequest = { method: 'GET', path: '/messages', query: { groupId, before, after, limit } };
    return decodeBody<MessagePage>(await this.#connection.read(request, options), 'messages');
  }

  /** Sends a message and resolves when it is stored. However often it is retried, it is stored once. */
  async send(groupId: number, content: string, options: SendOptions = {}): Promise<SendResult> {
    const headers = {
      'Idempotency-Key': options.idempotencyKey ?? newIdempotencyKey(),
      ...(options.durable && { Prefer: `durable=${options.durable}` }),
    };
    const body = { userId: this.#me(), groupId, content };
    const response = await this.#connection.write({ method: 'POST', path: '/messages', body, headers }, options);
    return decodeBody<SendResult>(response, 'message_id');
  }

  /** Deletes a message. */
  async deleteMessage(messageId: number, options: CallOptions = {}): Promise<void> {
    const body = { messageId, userId: this.#me() };
    await this.#connection.write({ method: 'DELETE', path: '/messages', body }, options, {
      alreadyDoneCode: 'message_not_found',
    });
  }

  /** Iterates over all events of the user's groups from the cursor on, without end. */
  events(options: EventsOptions = {}): EventIterator {
    const connection = this.#connection;
    const source: PollSource = {
      now: async (signal) => {
        const request: NodeRequest = { method: 'GET', path: '/chats', query: { userId: this.#me() } };
        return decodeBody<ChatList>(await connection.readPatiently(request, signal), 'cursor').cursor;
      },
      poll: (cursor, signal) => {
        const query = { user_id: this.#me(), cursor };
        return connection.poll({ method: 'GET', path: '/subscribe/user', query }, signal);
      },
    };
    return new EventIterator(source, options, this.#backoff, this.#random);
  }

  /** Iterates over all events of one group from the cursor on, without end. Needs no signed-in user with AUTH=open. */
  groupEvents(groupId: number, options: EventsOptions = {}): EventIterator {
    const connection = this.#connection;
    const source: PollSource = {
      now: async (signal) => {
        const request: NodeRequest = { method: 'GET', path: '/messages', query: { groupId, limit: 1 } };
        return decodeBody<MessagePage>(await connection.readPatiently(request, signal), 'cursor').cursor;
      },
      poll: (cursor, signal) => {
        return connection.poll({ method: 'GET', path: '/subscribe/status', query: { groupId, cursor } }, signal);
      },
    };
    return new EventIterator(source, options, this.#backoff, this.#random);
  }

  /** Asks every known node for its state. Requests that wait on an unreachable node move to another. */
  status(options: { signal?: AbortSignal } = {}): Promise<NodeStatus[]> {
    return this.#connection.status(options.signal);
  }

  /** Returns GET /cluster: the nodes and the latest terms, as recorded in the database. */
  async cluster(options: CallOptions = {}): Promise<ClusterStatus> {
    return decodeBody<ClusterStatus>(
      await this.#connection.read({ method: 'GET', path: '/cluster' }, options),
      'nodes',
    );
  }

  #me(): number {
    if (this.#userId !== undefined) return this.#userId;
    throw new ChatError('not signed in: call login() or register() first', { code: 'not_signed_in' });
  }

  #startSession(response: NodeResponse): SignInResult {
    const signIn = decodeBody<SignInResult>(response, 'user_id');
    this.#userId = signIn.user_id;
    this.#connection.token = signIn.token;
    this.#connection.stayWith(response);
    return signIn;
  }
}
