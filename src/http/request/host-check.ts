import type { IncomingMessage } from 'node:http';
import { HttpError } from '../http-error.ts';
import { hostOf, hostOfAddress, isLoopbackHost, MAX_AUTHORITY } from './authority.ts';

/**
 * What load balancers, kubelets and monitors ask with no name or one of their own (HAProxy sends HTTP/1.0 without `Host`,
 * a peer what its PEER_URL says). These answer any name: they change nothing, and say nothing of users and messages.
 */
const CHECKS = new Set(['/health', '/liveness', '/readiness', '/primary', '/replica', '/metrics']);

/** Verdicts kept: clients use a handful of names, and whoever makes up others empties it at the worst. */
const MOST_KEPT = 1000;

/**
 * Refuses requests for hosts that this node is not: a page of `evil.example` whose name is made to point here (DNS
 * rebinding) is of the same origin to its browser, and gives itself away by nothing but `Host`.
 */
export class HostCheck {
  readonly #names: ReadonlySet<string>;
  readonly #suffixes: readonly string[];
  readonly #isOpen: boolean;
  readonly #ownUrl: () => string;
  readonly #kept = new Map<string, string | null>();

  /** `names` are HOST and ALLOWED_HOSTS, of which `*.x` stands for all below x and `*` for any; `ownUrl` is NODE_URL. */
  constructor(names: readonly string[], ownUrl: () => string) {
    this.#isOpen = names.includes('*');
    this.#suffixes = names.filter((name) => name.startsWith('*.')).map((name) => name.slice(1).toLowerCase());
    this.#names = new Set(names.map((name) => hostOf(name) ?? hostOfAddress(name) ?? name));
    this.#ownUrl = ownUrl;
  }

  /** @throws {HttpError} 400 for what names no host, or two; 421 for a host that this node is not. */
  check(request: IncomingMessage, path: string): void {
    const { headers, rawHeaders } = request;
    if (isRepeated(rawHeaders)) throw new HttpError(400, 'invalid_request', 'Host: must be sent once');
    if (this.#isOpen || CHECKS.has(path)) return;
    const named = this.#hostOf(headers.host ?? '');
    const target = targetOf(request.url ?? '');
    if (named === null || target === null)
      throw new HttpError(400, 'invalid_request', 'Host: must be the name of a host');
    for (const host of target === undefined ? [named] : [named, target]) {
      if (!this.#isOurs(host, request)) throw misdirected();
    }
  }

  #hostOf(authority: string): string | null {
    if (authority === '') return '';
    // Checked before it is kept: a header may have 16 KB.
    if (authority.length > MAX_AUTHORITY) return null;
    let host = this.#kept.get(authority);
    if (host === undefined) {
      host = hostOf(authority);
      if (this.#kept.size >= MOST_KEPT) this.#kept.clear();
      this.#kept.set(authority, host);
    }
    return host;
  }

  #isOurs(host: string, { socket }: IncomingMessage): boolean {
    if (isLoopbackHost(host) || this.#names.has(host)) return true;
    if (host === this.#hostOf(authorityOf(this.#ownUrl()))) return true;
    if (this.#suffixes.some((suffix) => host.endsWith(suffix))) return true;
    // By the very address it came to: no page is of that origin but one that this node itself has served.
    return host !== '' && socket.localAddress !== undefined && host === hostOfAddress(socket.localAddress);
  }
}

function isRepeated(rawHeaders: readonly string[]): boolean {
  let count = 0;
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (name.length === 4 && name.toLowerCase() === 'host') count++;
  }
  return count > 1;
}

/** The host of a target in absolute form (`GET http://host/path`), which counts before `Host`; undefined where it has none. */
function targetOf(url: string): string | null | undefined {
  if (url.startsWith('/') || url === '*') return undefined;
  const [, authority] = /^https?:\/\/([^/?#]*)/i.exec(url) ?? [];
  return authority === undefined ? null : hostOf(authority);
}

const authorityOf = (url: string) => /^\w+:\/\/([^/?#]*)/.exec(url)?.[1] ?? '';

const misdirected = () =>
  new HttpError(
    421,
    'misdirected_request',
    'this node does not answer to that Host: it is localhost, HOST, the host of NODE_URL, or one named in ALLOWED_HOSTS',
  );
