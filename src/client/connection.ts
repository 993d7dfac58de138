import { type Answer, attempt, LostAnswerError, type Request } from './attempt.ts';
import { type BackoffBounds, defaultBackoff } from './backoff.ts';
import { Caller, type Manner, type RequestFor } from './caller.ts';
import { Endpoints } from './endpoints.ts';
import { nodeStatus } from './health.ts';
import type { ConnectionChange, NodeStatus } from './types.ts';

/** How a client reaches its cluster. All times are milliseconds unless the name says otherwise. */
export interface ConnectionOptions {
  /** Addresses of nodes, the preferred one first. Any one is enough to begin with. */
  urls: readonly string[];
  /** From an earlier login. */
  token?: string;
  /** Numbers in [0, 1) for the jitter of waits. Default Math.random. */
  random?: () => number;
  fetch?: typeof fetch;
  /** Told when a node begins or ceases to serve. Must not throw. */
  onConnection?: (change: ConnectionChange) => void;
  /** Limit of one try at one node. 5000: longer than a frozen node's lease (2 s) and a slow network need. */
  attemptMs?: number;
  /** Limit of a request over all tries. 30000: many times the longest failover. */
  deadlineMs?: number;
  /** How long one poll waits for news, in seconds: 0 to 55, the nodes' own bound. */
  pollSeconds?: number;
  backoff?: BackoffBounds;
}

/** What every call takes: aborting rejects with the signal's reason and leaves nothing under way. */
export interface CallOptions {
  signal?: AbortSignal;
  deadlineMs?: number;
}

/** A write that may differ from the usual. */
export interface WriteTraits {
  /** False where doing it twice would show. */
  repeatable?: boolean;
  /** The refusal that a repetition gets when the first try had worked after all: it counts as done. */
  doneAlready?: string;
}

/** A /health answer comes from memory: a node that takes longer serves nobody. */
const HEALTH_MS = 2000;

/** A node ends a poll at its time-out give or take some jitter; what is later than this is not coming. */
const POLL_GRACE_MS = 5000;

/** The way of one client to the nodes: which are known, who serves, and how long anything may take. */
export class Connection {
  /** Sent with every request where the cluster asks for one. */
  token: string | undefined;
  readonly #endpoints: Endpoints;
  readonly #caller: Caller;
  readonly #send: typeof fetch;
  readonly #attemptMs: number;
  readonly #deadlineMs: number;
  readonly #pollSeconds: number;

  constructor(options: ConnectionOptions, random: () => number) {
    this.token = options.token;
    // Bound: a browser's fetch refuses to be called as a method of something else.
    this.#send = options.fetch ?? globalThis.fetch.bind(globalThis);
    this.#endpoints = new Endpoints(options.urls, (change) => options.onConnection?.(change));
    this.#caller = new Caller(this.#send, this.#endpoints, options.backoff ?? defaultBackoff, random);
    this.#attemptMs = options.attemptMs ?? 5000;
    this.#deadlineMs = options.deadlineMs ?? 30_000;
    this.#pollSeconds = options.pollSeconds ?? 25;
  }

  /** Every node address known so far. */
  get urls(): string[] {
    return this.#endpoints.urls;
  }

  /** Makes an address known. Throws TypeError for what is no http(s) address. */
  addUrl(url: string): void {
    this.#endpoints.add(url);
  }

  /** Asks any node. */
  read(request: Request, options: CallOptions): Promise<Answer> {
    return this.#once(request, options, { use: 'read', repeatable: true });
  }

  /** Asks the active node, whoever that is. */
  write(request: Request, options: CallOptions, traits: WriteTraits = {}): Promise<Answer> {
    return this.#once(request, options, { use: 'write', repeatable: true, ...traits });
  }

  /** Asks any node, for as long as it takes until one answers. */
  readPatiently(request: Request, signal: AbortSignal): Promise<Answer> {
    const signed = this.#signed(request);
    return this.#patiently(() => ({ request: signed, attemptMs: this.#attemptMs }), signal);
  }

  /**
   * Asks any node for news and lets it wait for some, for as long as it takes until one answers. The first poll on a node
   * asks for no wait: its quick answer shows that the node serves, and a frozen one is found out soon.
   */
  poll(request: Request, signal: AbortSignal): Promise<Answer> {
    const signed = this.#signed(request);
    const within = (timeout: number, attemptMs: number) => {
      return { request: { ...signed, query: { ...signed.query, timeout } }, attemptMs };
    };
    const pollMs = this.#pollSeconds * 1000 + POLL_GRACE_MS;
    return this.#patiently(
      (connected) => (connected ? within(this.#pollSeconds, pollMs) : within(0, this.#attemptMs)),
      signal,
    );
  }

  /**
   * Asks every known node for its state. What hangs on a node that is silent here and may be repeated goes on with another
   * one, and the next write begins with the active one.
   */
  async status(signal?: AbortSignal): Promise<NodeStatus[]> {
    const nodes = await Promise.all(this.urls.map((url) => this.#health(url, signal)));
    for (const node of nodes) if (!node.reachable) this.#endpoints.abandon(node.url, 'is silent');
    const active = nodes.find((node) => node.active);
    if (active !== undefined) this.#endpoints.prefer('write', active.url);
    return nodes;
  }

  #once(request: Request, options: CallOptions, traits: Pick<Manner, 'use' | 'repeatable' | 'doneAlready'>) {
    const { signal, deadlineMs = this.#deadlineMs } = options;
    const signed = this.#signed(request);
    const requestFor = () => ({ request: signed, attemptMs: this.#attemptMs });
    return this.#caller.call(requestFor, { ...traits, deadlineMs, patient: false, signal });
  }

  #patiently(requestFor: RequestFor, signal: AbortSignal) {
    return this.#caller.call(requestFor, {
      use: 'read',
      repeatable: true,
      patient: true,
      deadlineMs: Infinity,
      signal,
    });
  }

  /**
   * Once a call, not once a try: a request stays that of the user who made it, whoever signs in while it is repeated. Its
   * own headers win: a logout carries the token that it takes back.
   */
  #signed(request: Request): Request {
    if (this.token === undefined) return request;
    return { ...request, headers: { Authorization: `Bearer ${this.token}`, ...request.headers } };
  }

  async #health(url: string, signal: AbortSignal | undefined): Promise<NodeStatus> {
    try {
      const { body } = await attempt(this.#send, url, { method: 'GET', path: '/health' }, HEALTH_MS, signal);
      return nodeStatus(url, body);
    } catch (error) {
      if (error instanceof LostAnswerError) return nodeStatus(url, undefined);
      throw error;
    }
  }
}
