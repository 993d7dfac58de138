import type { IncomingMessage } from 'node:http';
import { HttpError } from '../../http-error.ts';
import { hostOf, hostOfAddress, isLoopbackHost, MAX_AUTHORITY } from './authority.ts';

/**
 * Routes that accept any `Host`. Load balancers, kubelets and monitors call them without a name or with their own (HAProxy
 * sends HTTP/1.0 without `Host`; a peer uses its PEER_URL). They change nothing and reveal no user or message.
 */
const CHECKS = new Set(['/health', '/liveness', '/readiness', '/primary', '/replica', '/metrics']);

/** Size of the cache of parsed hosts. Clients use a handful of names; one that makes up others only empties the cache. */
const MAX_CACHED = 1000;

/**
 * Rejects requests for foreign hosts. If a page of `evil.example` makes its name resolve to this node (DNS rebinding), the
 * browser treats its requests as same-origin. Only `Host` reveals them.
 */
export class HostCheck {
  readonly #names: ReadonlySet<string>;
  readonly #suffixes: readonly string[];
  readonly #isOpen: boolean;
  readonly #ownUrl: () => string;
  readonly #cached = new Map<string, string | null>();

  /** `names` are HOST and ALLOWED_HOSTS: `*.x` allows every name below x, `*` any name. `ownUrl` returns NODE_URL. */
  constructor(names: readonly string[], ownUrl: () => string) {
    this.#isOpen = names.includes('*');
    this.#suffixes = names.filter((name) => name.startsWith('*.')).map((name) => name.slice(1).toLowerCase());
    this.#names = new Set(names.map((name) => hostOf(name) ?? hostOfAddress(name) ?? name));
    this.#ownUrl = ownUrl;
  }

  /**
   * Checks the host of a request. A target in absolute form replaces its `Host` (RFC 9112, 3.2.2), also for later comparisons.
   * @throws {HttpError} 400 if the request names no host; 421 if the host is not a name of this node.
   */
  check(request: IncomingMessage, path: string): void {
    const { headers, httpVersion } = request;
    if (httpVersion === '1.1' && headers.host === undefined)
      throw new HttpError('invalid_request', 'Host: must be sent once');
    const target = authorityOfTarget(request.url ?? '');
    if (target !== undefined) headers.host = target;
    if (this.#isOpen || CHECKS.has(path)) return;
    const host = this.#hostOf(headers.host ?? '');
    if (host === null || target === '') throw new HttpError('invalid_request', 'Host: must be a host name');
    if (!this.#isOurs(host, request)) throw misdirected();
  }

  #hostOf(authority: string): string | null {
    if (authority === '') return '';
    // Checked before it is cached: a header may have 16 KB.
    if (authority.length > MAX_AUTHORITY) return null;
    let host = this.#cached.get(authority);
    if (host === undefined) {
      host = hostOf(authority);
      if (this.#cached.size >= MAX_CACHED) this.#cached.clear();
      this.#cached.set(authority, host);
    }
    return host;
  }

  #isOurs(host: string, { socket }: IncomingMessage): boolean {
    if (isLoopbackHost(host) || this.#names.has(host)) return true;
    if (host === this.#hostOf(authorityOf(this.#ownUrl()))) return true;
    if (this.#suffixes.some((suffix) => host.endsWith(suffix))) return true;
    // The address that the connection was made to: only pages that this node served have that origin.
    return host !== '' && socket.localAddress !== undefined && host === hostOfAddress(socket.localAddress);
  }
}

/** Returns the authority of a target in absolute form (`GET http://host/path`), empty if it has none; undefined for other forms. */
function authorityOfTarget(url: string): string | undefined {
  if (url.startsWith('/') || url === '*') return undefined;
  return /^https?:\/\/([^/?#]*)/i.exec(url)?.[1] ?? '';
}

const authorityOf = (url: string) => /^\w+:\/\/([^/?#]*)/.exec(url)?.[1] ?? '';

const misdirected = () =>
  new HttpError(
    'misdirected_request',
    'this node does not accept that Host: use localhost, HOST or the host of NODE_URL, or add the name to ALLOWED_HOSTS',
  );
