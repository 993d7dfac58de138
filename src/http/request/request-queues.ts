import type { Request } from 'express';
import { FairSemaphore, type Overload } from '../../async/fair-semaphore.ts';
import { RateLimitedError, Refused } from '../../chat/errors.ts';
import type { Route } from '../routes/route.ts';
import type { Caller } from './checks/authentication.ts';
import { clientKey } from './checks/rate-limit.ts';
import type { RequestLifetime } from './request-lifetime.ts';

/**
 * A client is refused only once it fills a thousand places, which takes at least 63 connections: that many users of one office
 * may come back at the same time. A request waits at most as long as the pool lets a statement wait for a connection.
 */
const LIMITS = { queuedPerSource: 1000, queued: 2000, maxWaitMs: 5000 };
const RETRY_MS = 1000;
const BUSY = 'this node has more requests than it can handle in time: try again in a few seconds';

/**
 * The requests for chat data that wait for their turn. A client's long pages would otherwise take every connection of the pool and
 * keep the event loop busy, and all other clients would wait behind them. Clients are served round robin, and so are the
 * connections of a client, each with one request at a time: its responses are sent in order anyway.
 *
 * Reads and writes each use half of the pool, so that neither waits for the other.
 */
export class RequestQueues {
  readonly #reads: FairSemaphore;
  readonly #writes: FairSemaphore;

  constructor(poolSize: number) {
    const limits = { ...LIMITS, concurrency: Math.ceil(poolSize / 2) };
    this.#reads = new FairSemaphore(limits, overload);
    this.#writes = new FairSemaphore(limits, overload);
  }

  /** The number of requests that wait. */
  get queued(): number {
    return this.#reads.queued + this.#writes.queued;
  }

  /**
   * Runs `work`, which handles a request to `route` and writes the response, when its turn comes. Never settles if the request is
   * over before that. @throws {RateLimitedError} if the client has too many queued; {Refused} overloaded; the error of `work`.
   */
  run(route: Route, request: Request, caller: Caller, lifetime: RequestLifetime, work: () => Promise<void>) {
    if (isUnqueued(route)) return work();
    const queue = route.method === 'get' ? this.#reads : this.#writes;
    const key = { source: clientKey(caller.userId, request), subject: subjectOf(request) };
    return queue.run(key, work, (leave) => lifetime.onOver(leave));
  }
}

/** Control routes must respond on a busy node. Polls and streams wait for events, and have slots of their own. */
const isUnqueued = ({ servedBy, waits, unqueued }: Route) => servedBy === 'every node' || waits || unqueued;

function overload(why: Overload): Error {
  if (why === 'source') return new RateLimitedError('requests from you at once', RETRY_MS);
  return new Refused('overloaded', { sentence: BUSY });
}

const subjects = new WeakMap<object, string>();
let connections = 0;

/** Returns a name for the connection of a request. */
function subjectOf({ socket }: Request): string {
  const known = subjects.get(socket);
  if (known !== undefined) return known;
  connections += 1;
  const subject = String(connections);
  subjects.set(socket, subject);
  return subject;
}
