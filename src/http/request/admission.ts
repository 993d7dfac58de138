import type { Request, RequestHandler } from 'express';
import { networkOf } from '../../chat/auth/client-network.ts';
import { HttpError } from '../http-error.ts';
import type { Route } from '../routes/route.ts';
import type { Services } from '../services.ts';
import { bearTokenOfQuery, type Caller } from './authentication.ts';
import { addressOf } from './client-address.ts';
import { queryOf } from './query.ts';
import { RateLimiter } from './rate-limit.ts';

/**
 * Finds out who calls, before the body is read: strangers make this node parse nothing. Where clients are limited, whoever
 * is known already counts as that user, and everybody else as an address, before their token is looked up.
 */
export class Admission {
  readonly #services: Services;
  readonly #limit: RateLimiter | null;

  constructor(services: Services) {
    this.#services = services;
    this.#limit = services.requestsPerMinute > 0 ? new RateLimiter(services.requestsPerMinute) : null;
  }

  /** The middleware of one route; the caller is in `response.locals.caller` after it. */
  of(route: Route): RequestHandler {
    const { authenticator: identify } = this.#services;
    const limit = route.unlimited ? null : this.#limit;
    return (request, response, next) => {
      if (route.takesTokenInQuery) bearTokenOfQuery(request);
      const caller = limit ? this.#count(limit, request, route) : identify.authenticate(request, route.requires);
      if (!(caller instanceof Promise)) {
        response.locals.caller = caller;
        return next();
      }
      return inTime(caller, identifyByMs(request, route)).then((known) => {
        response.locals.caller = known;
        next();
      });
    };
  }

  async #count(limit: RateLimiter, request: Request, { requires: who }: Route): Promise<Caller> {
    const { authenticator: identify } = this.#services;
    const known = identify.peekUserId(request);
    await limit.count(known === null ? networkOf(addressOf(request)) : `user:${known}`);
    return identify.authenticate(request, who);
  }
}

/** What finding out who calls may take for a request that does not wait: as long as the database itself is given. */
const IDENTIFY_MS = 10_000;
/** For a poll: as long as it would wait, and this with a shorter time-out. */
const IDENTIFY_POLL_MS = 1000;

const TIMEOUT = new Set(['timeout']);

/** A poll's deadline counts from its arrival, and this is its first wait; what `timeout` has to be is checked later. */
function identifyByMs(request: Request, { waits }: Route): number {
  if (!waits) return IDENTIFY_MS;
  const timeoutMs = Number(queryOf(request.url, TIMEOUT).timeout ?? Number.NaN) * 1000;
  return timeoutMs >= 0 && timeoutMs < IDENTIFY_MS ? Math.max(timeoutMs, IDENTIFY_POLL_MS) : IDENTIFY_MS;
}

/** @throws {HttpError} 503 where it is not known in time who calls: a stranger is not even told a cursor. */
async function inTime(caller: Promise<Caller>, ms: number): Promise<Caller> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(unknownInTime()), ms);
  });
  try {
    return await Promise.race([caller, late]);
  } finally {
    clearTimeout(timer);
  }
}

const unknownInTime = () =>
  new HttpError(503, 'unavailable', 'your token cannot be looked up now: try again', {
    headers: { 'Retry-After': '1' },
  });
