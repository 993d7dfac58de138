import type { NextFunction, Request, Response } from 'express';
import { serviceUnavailable } from '../http-error.ts';
import { RequestLifetime } from '../request/request-lifetime.ts';
import { readWholeBody } from './body.ts';
import { forwardedHeaders, HOP, relay } from './forwarded-headers.ts';
import { isWrongAfterLoss, lostError, markLost } from './lost-attempts.ts';
import { NodeClient, type NodeResponse, NoResponse } from './node-client.ts';
import { type ForwardingCluster, type Peer, SuccessorWatch } from './successor-watch.ts';

/** The times of a failover, in milliseconds. */
const FAILOVER_TIMES = {
  /** How long a write waits for an active node: most failovers take less. */
  waitMs: 1000,
  /** How long a node that has lost its role, but is alive, may take to finish its requests. */
  finishMs: 1000,
};
const CHECK_EVERY_MS = 20;

/** Timeout of a forwarded request, counted from its arrival: shortly before this node would respond 503 itself (http/http-connection.ts). */
const DEADLINE_MS = 35_000;

/** Time limit of {@link WriteForwarder.createAccountOnActiveNode}: less than authentication may take. */
const ACCOUNT_LIMIT_MS = 5000;

/** Maximum number of requests that are forwarded at the same time. */
const MAX_FORWARDED = 1000;

const tooMany = () =>
  serviceUnavailable('overloaded', 'too many requests are being forwarded to the active node: try again');

/**
 * Forwards writes from a standby to the active node (STANDBY_WRITES=forward), so that clients behind a plain round-robin proxy
 * need not find it. The client gets the active node's response: the caller's credentials, the Idempotency-Key and the path are
 * forwarded unchanged. The active node gets the address of the client in X-Forwarded-For, as from a proxy: for it to count the
 * clients behind this node separately, its TRUST_PROXY must name this node.
 *
 * A write is forwarded only to a peer whose `/health` names this cluster and epoch, and that peer never forwards it further. While
 * there is no active node, the write waits for up to a second. It is sent again within that time if it was certainly not executed, or if a key makes
 * that safe. After an attempt whose response was lost, the client never gets an error that means "not
 * executed". A request to a node is cancelled once another node is active. If this node becomes active, it handles the
 * write itself.
 */
export class WriteForwarder {
  readonly #cluster: ForwardingCluster;
  readonly #bodyLimit: number;
  readonly #waitMs: number;
  readonly #client = new NodeClient();
  readonly #successors: SuccessorWatch;
  #forwarded = 0;
  /** Bytes of all bodies that are being read or forwarded. */
  #heldBytes = 0;

  constructor(cluster: ForwardingCluster, bodyLimit: number, { waitMs, finishMs } = FAILOVER_TIMES) {
    this.#cluster = cluster;
    this.#bodyLimit = bodyLimit;
    this.#waitMs = waitMs;
    this.#successors = new SuccessorWatch(cluster, finishMs);
  }

  /**
   * The middleware of routes that write. Calls `next` if this node is to handle or refuse the request itself. `takesKey` is true
   * if the route remembers Idempotency-Keys: on any other, a request with a key is as unsafe to repeat as one without.
   */
  async handle(request: Request, response: Response, next: NextFunction, takesKey: boolean): Promise<void> {
    if (!this.#isStandby() || request.headers[HOP] !== undefined) return next();
    const body = await this.#bodyOf(request, response);
    if (body === null) return;
    if (this.#forwarded >= MAX_FORWARDED) throw tooMany();
    this.#forwarded += 1;
    try {
      const isRepeatable = takesKey && request.headers['idempotency-key'] !== undefined;
      await this.#forward(request, response, body, next, isRepeatable);
    } finally {
      this.#forwarded -= 1;
    }
  }

  /** Lets the active node authenticate a JWT, which creates the account of its user. Returns false if it did not. */
  async createAccountOnActiveNode(token: string): Promise<boolean> {
    const active = this.#activePeer();
    if (!active) return false;
    const request = {
      method: 'GET',
      target: '/me',
      headers: { authorization: `Bearer ${token}`, [HOP]: this.#cluster.node },
      body: Buffer.alloc(0),
      timeoutMs: ACCOUNT_LIMIT_MS,
    };
    const response = await this.#client.send(active.url, request).catch(() => null);
    return response?.status === 200;
  }

  stop(): void {
    this.#client.stop();
    this.#successors.stop();
  }

  #isStandby(): boolean {
    return this.#cluster.role === 'standby' && !this.#cluster.acceptsWrites;
  }

  /** Returns the body; null if the client disconnected before its end. Any client may send one, since only the active node authenticates. */
  async #bodyOf(request: Request, response: Response): Promise<Buffer | null> {
    const lifetime = RequestLifetime.of(response);
    let own = 0;
    lifetime.onOver(() => {
      this.#heldBytes -= own;
    });
    const hold = (count: number) => {
      if (this.#heldBytes + count > MAX_FORWARDED * this.#bodyLimit) throw tooMany();
      own += count;
      this.#heldBytes += count;
    };
    try {
      return await readWholeBody(request, this.#bodyLimit, hold);
    } catch (error) {
      if (lifetime.isOver) return null;
      throw error;
    }
  }

  /** Sends the request to the active node, retries while that is safe, and relays the response. */
  async #forward(
    request: Request,
    response: Response,
    body: Buffer,
    next: NextFunction,
    isRepeatable: boolean,
  ): Promise<void> {
    const lifetime = RequestLifetime.of(response);
    let until = performance.now() + this.#waitMs;
    let [hasFailed, isLost] = [false, false];
    for (;;) {
      const active = await this.#active(until, lifetime);
      if (lifetime.isOver) return;
      // This node became active, fell, or knows no active node: it handles or refuses the request itself.
      if (active === null) return next();

      const outcome = await this.#send(active, request, body, lifetime);
      if (lifetime.isOver || response.headersSent) return;
      if (outcome instanceof NoResponse) {
        // The time for another attempt counts from the first failure: a frozen node may have held the request for long.
        if (!hasFailed) until = performance.now() + this.#waitMs;
        hasFailed = true;
        isLost ||= outcome.isSent;
        if (outcome.isSent) markLost(response);
        const mayRepeat = isRepeatable || !outcome.isSent;
        if (!mayRepeat || performance.now() >= until) throw isLost ? lostError() : unreachable();
      } else if (!isRefusedByRole(outcome) || performance.now() >= until) {
        if (isWrongAfterLoss(outcome.body, response)) throw lostError();
        return relay(outcome, response);
      }
      await untilNextCheck();
    }
  }

  #activePeer(): Peer | undefined {
    return this.#cluster.peers().find((peer) => peer.alive && peer.active);
  }

  /** Returns the active node as soon as one is known; null at `until`, or when this node is no longer a standby. */
  async #active(until: number, lifetime: RequestLifetime): Promise<Peer | null> {
    for (;;) {
      if (!this.#isStandby() || lifetime.isOver) return null;
      const active = this.#activePeer();
      if (active) return active;
      if (performance.now() >= until) return null;
      await untilNextCheck();
    }
  }

  /** Sends the request to the active node once, and returns its response or why there is none. */
  async #send(active: Peer, request: Request, body: Buffer, lifetime: RequestLifetime) {
    const over = new AbortController();
    const unwatch = this.#successors.watch(active, (reason) => over.abort(reason));
    lifetime.onOver(() => over.abort(new Error('the client has disconnected')));
    try {
      return await this.#client.send(active.url, {
        method: request.method,
        target: request.originalUrl,
        headers: forwardedHeaders(request, body, this.#cluster.node),
        body,
        timeoutMs: Math.max(1, DEADLINE_MS - lifetime.ageMs),
        signal: over.signal,
      });
    } catch (error) {
      if (error instanceof NoResponse) return error;
      throw error;
    } finally {
      unwatch();
    }
  }
}

/** Returns true if the node has lost its role and therefore did not execute the request. */
function isRefusedByRole({ status, body }: NodeResponse): boolean {
  return status === 503 && /"code":"not_(?:active|alive)"/.test(body.toString());
}

const untilNextCheck = () => new Promise((resolve) => setTimeout(resolve, CHECK_EVERY_MS));

const unreachable = () =>
  serviceUnavailable('unavailable', 'the active node cannot be reached from this node: try again');
