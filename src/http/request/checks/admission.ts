import type { Request, RequestHandler } from 'express';
import { withTimeout } from '../../../async/with-timeout.ts';
import { serviceUnavailable } from '../../http-error.ts';
import type { Route } from '../../routes/route.ts';
import type { Services } from '../../services.ts';
import { queryOf } from '../query.ts';
import { acceptTokenInQuery, type Caller } from './authentication.ts';
import { clientKey, RateLimiter } from './rate-limit.ts';

/**
 * Authenticates callers before the body is read, so that this node parses nothing for unauthenticated clients. With
 * REQUESTS_PER_MINUTE, a caller whose token is cached counts as that user, and any other as an address, before a look-up.
 */
export class Admission {
  readonly #services: Services;
  readonly #limit: RateLimiter | null;

  constructor(services: Services) {
    this.#services = services;
    this.#limit = services.requestsPerMinute > 0 ? new RateLimiter('requests', services.requestsPerMinute) : null;
  }

  /** Returns the middleware of one route, which stores the caller in `response.locals.caller`. */
  of(route: Route): RequestHandler {
    const { authenticator } = this.#services;
    const limit = route.unlimited ? null : this.#limit;
    return (request, response, next) => {
      if (route.takesTokenInQuery) acceptTokenInQuery(request);
      const caller = limit ? this.#count(limit, request, route) : authenticator.authenticate(request, route.requires);
      if (!(caller instanceof Promise)) {
        response.locals.caller = caller;
        return next();
      }
      return withTimeout(authenticationMs(request, route), caller, notAuthenticatedInTime).then((known) => {
        response.locals.caller = known;
        next();
      });
    };
  }

  /**
   * Authenticates a caller again if its token has ended since: the body may have taken half a minute to arrive, and the request may
   * have waited for its turn. @throws {HttpError} (or rejects with) 401 if the token was revoked or has expired.
   */
  confirm(caller: Caller, request: Request, { requires }: Route): Caller | Promise<Caller> {
    if (!caller.token?.ended.hasHappened) return caller;
    const again = Promise.resolve(this.#services.authenticator.authenticate(request, requires));
    return withTimeout(AUTHENTICATION_MS, again, notAuthenticatedInTime);
  }

  async #count(limit: RateLimiter, request: Request, { requires }: Route): Promise<Caller> {
    const { authenticator } = this.#services;
    await limit.count(clientKey(authenticator.peekUserId(request), request));
    return authenticator.authenticate(request, requires);
  }
}

/** Time limit of authentication for a request that does not wait: as long as a database query may take. */
const AUTHENTICATION_MS = 10_000;
/** Shortest time limit for a poll, whose limit is otherwise its own timeout. */
const MIN_POLL_MS = 1000;

const TIMEOUT = new Set(['timeout']);

/** A poll's deadline counts from its arrival, and authentication is its first wait. `timeout` is validated later. */
function authenticationMs(request: Request, { waits }: Route): number {
  if (!waits) return AUTHENTICATION_MS;
  const timeoutMs = Number(queryOf(request.url, TIMEOUT).timeout ?? Number.NaN) * 1000;
  return timeoutMs >= 0 && timeoutMs < AUTHENTICATION_MS ? Math.max(timeoutMs, MIN_POLL_MS) : AUTHENTICATION_MS;
}

/** Throws 503, without a cursor: an unauthenticated client does not receive even that. */
function notAuthenticatedInTime(): never {
  throw serviceUnavailable('unavailable', 'your token cannot be looked up at the moment: try again');
}
