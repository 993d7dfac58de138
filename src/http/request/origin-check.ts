import type { IncomingMessage } from 'node:http';
import { HttpError } from '../http-error.ts';
import { hostOf, isLoopbackHost } from './authority.ts';

/** What {@link OriginCheck} goes by. */
export interface OriginCheckOptions {
  /** CORS_ORIGIN: origins, or `*`. */
  origins: readonly string[];
  /** True where HOST is loopback: then pages of any loopback origin may call, whatever their port. */
  loopback: boolean;
  /** Where the nodes of this cluster are reached: their pages ask each other's nodes when one fails. */
  nodeUrls(): readonly string[];
}

/**
 * Keeps pages of other origins from acting through their visitor's browser. CORS alone does not: it hides the answer, and a
 * simple request has been carried out by then.
 */
export class OriginCheck {
  readonly #options: OriginCheckOptions;
  readonly #origins: ReadonlySet<string>;
  /** True where any page may call: CORS_ORIGIN=*. */
  readonly isOpen: boolean;

  constructor(options: OriginCheckOptions) {
    this.#options = options;
    this.isOpen = options.origins.includes('*');
    this.#origins = new Set(options.origins.map((origin) => origin.toLowerCase()));
  }

  /** True where a page of this origin may call and read. `null` is the origin of whoever hides his, and is foreign. */
  allows(origin: string, host: string | undefined): boolean {
    if (this.isOpen) return true;
    const given = origin.toLowerCase();
    if (this.#origins.has(given)) return true;
    const [, scheme, authority = ''] = /^(https?):\/\/([^/?#]*)$/.exec(given) ?? [];
    if (scheme === undefined) return false;
    // Our own page: behind a proxy that ends TLS the scheme is another one than ours.
    if (authority === host?.toLowerCase()) return true;
    if (this.#options.loopback && isLoopbackHost(hostOf(authority) ?? '')) return true;
    return this.#options.nodeUrls().some((url) => URL.canParse(url) && new URL(url).origin === given);
  }

  /**
   * @throws {HttpError} 403 where a page that is not allowed asks. Links from elsewhere still open what is a page or says
   * how the node is (`control`), since the page that has the link does not get to see it; a user's data they do not.
   */
  check(request: IncomingMessage, isControl: boolean): void {
    const { origin, host } = request.headers;
    const { 'sec-fetch-site': site, 'sec-fetch-mode': mode, 'sec-fetch-dest': dest } = request.headers;
    if (origin === undefined && site !== 'cross-site') return;
    if (origin === undefined ? this.isOpen : this.allows(origin, host)) return;
    const isRead = request.method === 'GET' || request.method === 'HEAD';
    const isLink = origin === undefined && mode === 'navigate' && (dest === undefined || dest === 'document');
    if (isRead && isLink && isControl) return;
    throw new HttpError(
      403,
      'foreign_origin',
      'pages of this origin may not call here: CORS_ORIGIN names the origins that may',
    );
  }
}
