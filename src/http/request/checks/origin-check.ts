import type { IncomingMessage } from 'node:http';
import { HttpError } from '../../http-error.ts';
import { hostOf, isLoopbackHost } from './authority.ts';

/** Options of {@link OriginCheck}. */
export interface OriginCheckOptions {
  /** CORS_ORIGIN: origins, or `*`. */
  origins: readonly string[];
  /** True if HOST is loopback: pages of any loopback origin, on any port, may then call. */
  loopback: boolean;
  /** URLs of the nodes of this cluster. A page served by one node calls the others when it fails. */
  nodeUrls(): readonly string[];
}

/**
 * Prevents pages of other origins from acting through their visitors' browsers. CORS alone does not: it hides the response,
 * but a simple request has been executed by then.
 */
export class OriginCheck {
  readonly #options: OriginCheckOptions;
  readonly #origins: ReadonlySet<string>;
  /** True if any page may call: CORS_ORIGIN=*. */
  readonly isOpen: boolean;

  constructor(options: OriginCheckOptions) {
    this.#options = options;
    this.isOpen = options.origins.includes('*');
    this.#origins = new Set(options.origins.map((origin) => origin.toLowerCase()));
  }

  /** Returns true if a page of this origin may call and read. The origin `null` (opaque) is foreign. */
  allows(origin: string, host: string | undefined): boolean {
    if (this.isOpen) return true;
    const given = origin.toLowerCase();
    if (this.#origins.has(given)) return true;
    const [, scheme, authority = ''] = /^(https?):\/\/([^/?#]*)$/.exec(given) ?? [];
    if (scheme === undefined) return false;
    // A page of this node. The scheme may differ behind a proxy that terminates TLS.
    if (authority === host?.toLowerCase()) return true;
    if (this.#options.loopback && isLoopbackHost(hostOf(authority) ?? '')) return true;
    return this.#options.nodeUrls().some((url) => URL.canParse(url) && new URL(url).origin === given);
  }

  /**
   * Checks the origin of a request. Links from other sites may still open pages and the node's state (`isControl`), because the
   * linking page cannot read them. They do not open a user's data.
   * @throws {HttpError} 403 for a request from a page of an origin that is not allowed.
   */
  check(request: IncomingMessage, isControl: boolean): void {
    const { origin, host } = request.headers;
    const { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = request.headers;
    if (origin === undefined && site !== 'cross-site') return;
    if (origin === undefined ? this.isOpen : this.allows(origin, host)) return;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const isLink = origin === undefined && mode === 'navigate' && (dest === undefined || dest === 'document');
    if (isRead && isLink && isControl) return;
    throw new HttpError('foreign_origin', 'pages of this origin may not call this node: add the origin to CORS_ORIGIN');
  }
}
