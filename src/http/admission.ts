import type { Request, RequestHandler } from 'express';
import { networkOf } from '../chat/client-network.ts';
import { bearTokenOfQuery, type Caller } from './caller.ts';
import { addressOf } from './client-address.ts';
import { RequestLimit } from './request-limit.ts';
import type { Route } from './route.ts';
import type { Services } from './services.ts';

/**
 * Finds out who calls, before the body is read: strangers make this node parse nothing. Where clients are limited, whoever
 * is known already counts as that user, and everybody else as an address, before their token is looked up.
 */
export class Admission {
  readonly #services: Services;
  readonly #limit: RequestLimit | null;

  constructor(services: Services) {
    this.#services = services;
    this.#limit = services.requestsPerMinute > 0 ? new RequestLimit(services.requestsPerMinute) : null;
  }

  /** The middleware of one route; the caller is in `response.locals.caller` after it. */
  of(route: Route): RequestHandler {
    const { identify } = this.#services;
    const limit = route.unlimited ? null : this.#limit;
    return (request, response, next) => {
      if (route.takesTokenInQuery) bearTokenOfQuery(request);
      const caller = limit ? this.#count(limit, request, route) : identify.ask(request, route.who);
      if (!(caller instanceof Promise)) {
        response.locals.caller = caller;
        return next();
      }
      return caller.then((known) => {
        response.locals.caller = known;
        next();
      });
    };
  }

  async #count(limit: RequestLimit, request: Request, { who }: Route): Promise<Caller> {
    const { identify } = this.#services;
    const known = identify.known(request);
    await limit.count(known === null ? networkOf(addressOf(request)) : `user:${known}`);
    return identify.ask(request, who);
  }
}
