import type { RequestHandler } from 'express';
import { HttpError } from '../http-error.ts';
import type { Serves } from '../routes/route.ts';

/** What the HTTP layer needs to know of the node's role. */
export interface RoleView {
  readonly role: 'active' | 'standby' | 'fallen';
  readonly acceptsWrites: boolean;
  /** Where the active is, or null while there is none or it is unknown. */
  readonly activeUrl: string | null;
}

/** Who serves what: the table of api.md. */
export class RoleGate {
  readonly #view: RoleView;

  constructor(view: RoleView) {
    this.#view = view;
  }

  /** The middleware that lets a request through where this node serves routes of this kind, or answers 503. */
  gate(serves: Serves): RequestHandler {
    return (_request, _response, next) => {
      this.check(serves);
      next();
    };
  }

  /** @throws {HttpError} 503 not_alive or not_active. */
  check(serves: Serves): void {
    if (serves === 'control') return;
    if (this.#view.role === 'fallen') throw this.notAlive();
    if (serves === 'write' && !this.#view.acceptsWrites) throw this.notActive();
  }

  notAlive(): HttpError {
    return new HttpError(503, 'not_alive', 'system not available - not alive', { headers: { 'Retry-After': '1' } });
  }

  /** Says where to go (active_url) and when (Retry-After, in seconds; the least that the header can say). */
  notActive(): HttpError {
    return new HttpError(503, 'not_active', 'system not available - not active', {
      extra: { active_url: this.#view.activeUrl },
      headers: { 'Retry-After': '1' },
    });
  }
}
