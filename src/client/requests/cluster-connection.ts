import { UnreachableError } from '../errors.ts';
import type { ConnectionChange, NodeStatus } from '../types.ts';
import { type BackoffBounds, defaultBackoff } from './backoff.ts';
import { classifyResponse } from './classify-response.ts';
import { ClusterCheck } from './cluster-check.ts';
import { codeOfUnknown } from './effect-of-code.ts';
import { Endpoints } from './endpoints.ts';
import { type CallPolicy, FailoverRequester, type RequestFactory } from './failover-requester.ts';
import { HEALTH, HEALTH_MS, nodeStatus } from './health.ts';
import { type ApiRequest, type ApiResponse, NoResponseError, sendOnce } from './single-request.ts';

/** Options for the connection to the cluster. All times are milliseconds unless the name says otherwise. */
export interface ConnectionOptions {
  /** Addresses of nodes, the preferred one first. Any one is enough to begin with. */
  urls: readonly string[];
  /** The token of an earlier login. */
  token?: string;
  /** The cluster of an earlier login: no other one is used. */
  clusterId?: string;
  /** Numbers in [0, 1) for the jitter of waits. Default Math.random. */
  random?: () => number;
  fetch?: typeof fetch;
  /** Called when a node starts or stops serving this client. Must not throw. */
  onConnection?: (change: ConnectionChange) => void;
  /** Timeout of one attempt at one node. Default 5000: covers a frozen node's lease (2 s) plus a slow network. */
  attemptMs?: number;
  /** Timeout of a request over all attempts. Default 30000: many times the longest failover. */
  deadlineMs?: number;
  /** How long one poll waits for events, in seconds, 0 to 55. Default 25. */
  pollSeconds?: number;
  backoff?: BackoffBounds;
}

/** Options of every call. Aborting `signal` rejects with its reason and cancels the request under way. */
export interface CallOptions {
  signal?: AbortSignal;
  deadlineMs?: number;
}

/** Options of a write. */
export interface WriteOptions {
  /** False where repeating the request would have a visible effect. */
  repeatable?: boolean;
  /** The error codes that a repeated request gets when an earlier attempt succeeded; they count as success. */
  alreadyDoneCodes?: readonly string[];
}

/** A node ends a poll at its timeout, plus jitter. After this time no response is expected. */
const POLL_GRACE_MS = 5000;

/** A client's access to the cluster: the known nodes, the ones in use, the token and the timeouts. */
export class ClusterConnection {
  /** Sent with every request while it is set. */
  token: string | undefined;
  /** Settles after the latest call that revokes the token: a change of the password, or the deletion of the account. */
  revocation: Promise<void> = Promise.resolve();
  readonly #endpoints: Endpoints;
  readonly #clusterCheck: ClusterCheck;
  readonly #requester: FailoverRequester;
  readonly #send: typeof fetch;
  readonly #attemptMs: number;
  readonly #deadlineMs: number;
  readonly #pollSeconds: number;
  #hasLearned = false;

  constructor(options: ConnectionOptions) {
    this.token = options.token;
    // Bound: a browser's fetch refuses to be called as a method of something else.
    this.#send = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#endpoints = new Endpoints(options.urls, (change) => {
      options.onConnection?.(change);
      if (change.state === 'connected') this.#learnPeers(change.url);
    });
    this.#clusterCheck = new ClusterCheck(this.#send, options.clusterId);
    const checks = { endpoints: this.#endpoints, clusterCheck: this.#clusterCheck };
    this.#requester = new FailoverRequester(
      this.#send,
      checks,
      options.backoff ?? defaultBackoff,
      options.random ?? Math.random,
    );
    this.#attemptMs = options.attemptMs ?? 5000;
    this.#deadlineMs = options.deadlineMs ?? 30_000;
    this.#pollSeconds = options.pollSeconds ?? 25;
  }

  /** The id of the cluster that this client signed in to. */
  get clusterId(): string | undefined {
    return this.#clusterCheck.clusterId;
  }

  /** Restricts the client to the cluster that responded to this sign-in. */
  pinToCluster({ body }: ApiResponse): void {
    this.#clusterCheck.signedIn(body?.cluster, body?.epoch);
  }

  /** Every known node address. */
  get urls(): string[] {
    return this.#endpoints.urls;
  }

  /** Adds the address of a node. @throws {TypeError} if it is not an http(s) address. */
  addUrl(url: string): void {
    this.#endpoints.add(url);
  }

  /**
   * Learns the other nodes from GET /health of each node that begins to serve this client, until one names any. Nothing waits
   * for it, and a failure changes nothing.
   */
  #learnPeers(url: string): void {
    if (this.#hasLearned) return;
    sendOnce(this.#send, url, HEALTH, HEALTH_MS, undefined).then(
      ({ body }) => {
        if (this.#addPeers(url, body?.peers)) this.#hasLearned = true;
      },
      () => {},
    );
  }

  /** Returns true if there is a usable address among them. */
  #addPeers(by: string, peers: unknown): boolean {
    const urls = Array.isArray(peers) ? peers.map((peer: { url?: unknown } | null) => peer?.url) : [];
    const added = urls.filter((url) => this.#endpoints.addNamed(by, url) !== undefined);
    return added.length > 0;
  }

  /** Sends a request to any node. */
  read(request: ApiRequest, options: CallOptions): Promise<ApiResponse> {
    return this.#once(request, options, { use: 'read', repeatable: true });
  }

  /** Sends a request to the active node, which it finds if another node has become active. */
  write(request: ApiRequest, options: CallOptions, how: WriteOptions = {}): Promise<ApiResponse> {
    return this.#once(request, options, { use: 'write', repeatable: true, ...how });
  }

  /** Sends a request once, to one node. @throws {RefusedError} for a 4xx; {UnreachableError} if the node did not confirm it. */
  async writeTo(url: string, request: ApiRequest, { signal, deadlineMs }: CallOptions): Promise<ApiResponse> {
    const what = `${request.method} ${request.path}`;
    const notExecuted = (reason: string, code: string) =>
      new UnreachableError(`${url} did not execute ${what}: it ${reason}`, { code: code || 'unreachable' });
    const notConfirmed = (reason: string, code: string) =>
      new UnreachableError(`${url} may have executed ${what}: it ${reason}`, { code: codeOfUnknown(code) });
    try {
      const limitMs = Math.min(this.#attemptMs, deadlineMs ?? this.#deadlineMs);
      const response = await sendOnce(this.#send, url, withToken(request, this.token), limitMs, signal);
      const result = classifyResponse(response, false);
      if (result.kind === 'success') return response;
      if (result.kind === 'refused') throw result.error;
      throw (result.notExecuted ? notExecuted : notConfirmed)(result.reason, result.code);
    } catch (error) {
      if (error instanceof NoResponseError) throw (error.notSent ? notExecuted : notConfirmed)(error.message, '');
      throw error;
    }
  }

  /** Sends a request with this token to any node and retries until one responds. */
  readWithRetries(request: ApiRequest, token: string | undefined, signal: AbortSignal): Promise<ApiResponse> {
    const authorized = withToken(request, token);
    return this.#retryUntilResponse(() => ({ request: authorized, attemptMs: this.#attemptMs }), signal);
  }

  /**
   * Sends a long poll with this token to any node and retries until one responds. The first poll on a node does not wait for events: its
   * quick response shows that the node is serving, and a frozen node is detected early.
   */
  poll(request: ApiRequest, token: string | undefined, signal: AbortSignal): Promise<ApiResponse> {
    const authorized = withToken(request, token);
    const within = (timeout: number, attemptMs: number) => {
      return { request: { ...authorized, query: { ...authorized.query, timeout } }, attemptMs };
    };
    const pollMs = this.#pollSeconds * 1000 + POLL_GRACE_MS;
    return this.#retryUntilResponse(
      (connected) => (connected ? within(this.#pollSeconds, pollMs) : within(0, this.#attemptMs)),
      signal,
    );
  }

  /**
   * Requests the state of every known node. If any node responds, repeatable requests that wait for an unreachable one move to
   * another; if none does, the network is slow or gone. The next write starts at the active node.
   */
  async status(signal?: AbortSignal, timeoutMs = HEALTH_MS): Promise<NodeStatus[]> {
    const nodes = await Promise.all(this.urls.map((url) => this.#health(url, timeoutMs, signal)));
    const unreachable = nodes.filter(({ reachable }) => !reachable);
    if (unreachable.length < nodes.length) {
      for (const { url } of unreachable) this.#endpoints.abandon(url, 'does not respond');
    }
    const active = nodes.find((node) => node.active);
    if (active !== undefined) this.#endpoints.prefer('write', active.url);
    return nodes;
  }

  #once(
    request: ApiRequest,
    options: CallOptions,
    policy: Pick<CallPolicy, 'use' | 'repeatable' | 'alreadyDoneCodes'>,
  ) {
    const { signal, deadlineMs = this.#deadlineMs } = options;
    const authorized = withToken(request, this.token);
    const requestFor = () => ({ request: authorized, attemptMs: this.#attemptMs });
    return this.#requester.call(requestFor, { ...policy, deadlineMs, retriesEveryError: false, signal });
  }

  #retryUntilResponse(requestFor: RequestFactory, signal: AbortSignal) {
    return this.#requester.call(requestFor, {
      use: 'read',
      repeatable: true,
      retriesEveryError: true,
      deadlineMs: Infinity,
      signal,
    });
  }

  async #health(url: string, ms: number, signal: AbortSignal | undefined): Promise<NodeStatus> {
    try {
      const { body } = await sendOnce(this.#send, url, HEALTH, ms, signal);
      return nodeStatus(url, body);
    } catch (error) {
      if (error instanceof NoResponseError) return nodeStatus(url, undefined);
      throw error;
    }
  }
}

/**
 * Adds the token once per call, not once per attempt: a retried request stays the request of the user who made it, even if
 * another user signs in before it ends. The request's own headers win: a logout carries the token that it revokes.
 */
function withToken(request: ApiRequest, token: string | undefined): ApiRequest {
  if (token === undefined) return request;
  return { ...request, headers: { Authorization: `Bearer ${token}`, ...request.headers } };
}
