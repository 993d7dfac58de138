import { Calls } from './calls/calls.ts';
import { decodeBody } from './decoding.ts';
import { newIdempotencyKey } from './idempotency-key.ts';
import type { ChatClientOptions } from './options.ts';
import { type CallOptions, ClusterConnection } from './requests/cluster-connection.ts';
import type { ApiRequest, ApiResponse } from './requests/single-request.ts';
import type { NodeStatus, SignInResult } from './types.ts';

/** The session of a client with its cluster: sign-in, token and the known nodes. */
export class ClientSession {
  /** Sends requests for the signed-in user. */
  protected readonly calls: Calls;

  constructor(options: ChatClientOptions) {
    this.calls = new Calls(new ClusterConnection(options), options.userId);
  }

  /** The signed-in user's id, or undefined. */
  get userId(): number | undefined {
    return this.calls.userId;
  }

  /** The token from the login, if the cluster issues tokens. */
  get token(): string | undefined {
    return this.calls.connection.token;
  }

  /** The id of the cluster that this client signed in to; no node of another one is used. */
  get clusterId(): string | undefined {
    return this.calls.connection.clusterId;
  }

  /** Every known node address, including those learned from other nodes. */
  get urls(): string[] {
    return this.calls.connection.urls;
  }

  /** Adds node addresses, for example those of cluster(). @throws {TypeError} if one is not an http(s) address. */
  addUrls(urls: readonly string[]): void {
    for (const url of urls) this.calls.connection.addUrl(url);
  }

  /** Signs in; with AUTH=open a new name creates the account. The client acts as that user from then on. */
  async login(username: string, password?: string, options: CallOptions = {}): Promise<SignInResult> {
    const body = password === undefined ? { username } : { username, password };
    return this.#startSession(await this.calls.connection.write({ method: 'POST', path: '/login', body }, options));
  }

  /** Creates an account with a password and signs in. @throws {RefusedError} `username_taken`. */
  async register(username: string, password: string, options: CallOptions = {}): Promise<SignInResult> {
    const headers = { 'Idempotency-Key': newIdempotencyKey() };
    const request: ApiRequest = { method: 'POST', path: '/register', body: { username, password }, headers };
    return this.#startSession(await this.calls.connection.write(request, options));
  }

  /** Forgets user and token at once, then revokes the token. Rejects if the token could not be revoked. */
  async logout(options: CallOptions = {}): Promise<void> {
    const token = this.calls.connection.token;
    this.calls.connection.token = undefined;
    this.calls.userId = undefined;
    if (token === undefined) return;
    const headers = { Authorization: `Bearer ${token}` };
    const request: ApiRequest = { method: 'POST', path: '/logout', headers };
    await this.calls.connection.write(request, options, { alreadyDoneCodes: ['unauthenticated'] });
  }

  /** Requests the state of every known node within `timeoutMs` (default 2000), like {@link ClusterConnection.status}. */
  status(options: { signal?: AbortSignal; timeoutMs?: number } = {}): Promise<NodeStatus[]> {
    return this.calls.connection.status(options.signal, options.timeoutMs);
  }

  #startSession(response: ApiResponse): SignInResult {
    const signIn = decodeBody<SignInResult>(response, 'user_id');
    this.calls.userId = signIn.user_id;
    this.calls.connection.token = signIn.token;
    this.calls.connection.pinToCluster(response);
    return signIn;
  }
}
