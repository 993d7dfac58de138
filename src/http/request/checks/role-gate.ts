import type { RequestHandler } from 'express';
import { type HttpError, serviceUnavailable } from '../../http-error.ts';
import type { ServedBy } from '../../routes/route.ts';

/** The node's role as the HTTP layer sees it. */
export interface RoleView {
  readonly role: 'active' | 'standby' | 'fallen';
  readonly acceptsWrites: boolean;
  /** URL of the active node, or null while there is none or it is unknown. */
  readonly activeUrl: string | null;
}

/** Refuses requests that the node's role does not serve: writes need the active node, control routes any node. */
export class RoleGate {
  readonly #view: RoleView;
  readonly #showsActiveUrl: boolean;

  constructor(view: RoleView, showsActiveUrl: boolean) {
    this.#view = view;
    this.#showsActiveUrl = showsActiveUrl;
  }

  /** Returns the middleware that responds 503 (not_alive or not_active) while this node does not serve routes of this kind. */
  gate(servedBy: ServedBy): RequestHandler {
    return (_request, _response, next) => {
      if (servedBy !== 'every node') {
        const { role, acceptsWrites } = this.#view;
        if (role === 'fallen') throw serviceUnavailable('not_alive', 'system not available - not alive');
        if (servedBy === 'active node' && !acceptsWrites) throw this.notActive();
      }
      next();
    };
  }

  /** Names the active node (`active_url`), so that the client can send the write there. */
  notActive(): HttpError {
    return serviceUnavailable('not_active', 'system not available - not active', {
      active_url: this.#showsActiveUrl ? this.#view.activeUrl : null,
    });
  }
}
