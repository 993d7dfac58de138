import type { ConnectionChange, Use } from './types.ts';

/** More than any cluster has; without a bound, a node that makes up addresses would grow the list for ever. */
const MAX_KNOWN = 32;

interface Endpoint {
  readonly url: string;
  /** Rising number of its last failure for each use; 0 since it last served. */
  readonly failed: Record<Use, number>;
}

interface Watcher {
  readonly url: string;
  readonly left: (reason: string) => void;
}

/** The address of a node without a slash at its end. Throws TypeError for what is no http(s) address. */
export function nodeAddress(text: string): string {
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`${text} is not an http address`);
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/**
 * The nodes that a client knows and the one it uses, for reads and for writes apart: any node answers reads, only the
 * active one takes writes. It stays with a node as long as that serves, and goes on with the one that failed longest ago.
 */
export class Endpoints {
  readonly #known: Endpoint[] = [];
  readonly #current: Record<Use, string>;
  readonly #connected: Partial<Record<Use, string>> = {};
  readonly #watchers = new Set<Watcher>();
  readonly #onChange: (change: ConnectionChange) => void;
  #failures = 0;

  constructor(urls: readonly string[], onChange: (change: ConnectionChange) => void) {
    for (const url of urls) this.add(url);
    const first = this.#known[0];
    if (first === undefined) throw new TypeError('a client needs the URL of at least one node');
    this.#current = { read: first.url, write: first.url };
    this.#onChange = onChange;
  }

  /** The addresses known so far, in the order in which they became known. */
  get urls(): string[] {
    return this.#known.map(({ url }) => url);
  }

  /** Where the next request of this use goes. */
  current(use: Use): string {
    return this.#current[use];
  }

  /** True when that node has answered the last request of this use. */
  isConnected(use: Use, url: string): boolean {
    return this.#connected[use] === url;
  }

  /** Makes an address known. Throws TypeError for what is no http(s) address. */
  add(text: string): string {
    const url = nodeAddress(text);
    if (this.#find(url) === undefined && this.#known.length < MAX_KNOWN) {
      this.#known.push({ url, failed: { read: 0, write: 0 } });
    }
    return url;
  }

  /**
   * The node that another one names as active, or undefined when the name is of no use: not an address, the node itself,
   * or plain http named over https, where a token would leave the encryption.
   */
  named(by: string, text: unknown): string | undefined {
    if (typeof text !== 'string') return undefined;
    try {
      const url = nodeAddress(text);
      if (url === by || (by.startsWith('https:') && !url.startsWith('https:'))) return undefined;
      return this.add(url);
    } catch {
      return undefined;
    }
  }

  /** Where requests of this use had better go first, unless a node serves them already. */
  prefer(use: Use, url: string): void {
    if (this.#connected[use] === undefined) this.#current[use] = url;
  }

  /** Notes that a node has answered: it is used from now on. */
  served(use: Use, url: string): void {
    const endpoint = this.#find(url);
    if (endpoint !== undefined) endpoint.failed[use] = 0;
    this.#current[use] = url;
    if (this.#connected[use] === url) return;
    this.#connected[use] = url;
    this.#onChange({ use, url, state: 'connected' });
  }

  /** Notes that a node has failed and returns where to go on. */
  failed(use: Use, url: string, reason: string): string {
    const endpoint = this.#find(url);
    this.#failures += 1;
    if (endpoint !== undefined) endpoint.failed[use] = this.#failures;
    if (this.#current[use] === url) this.#current[use] = this.#longestAgo(use, url);
    if (this.#connected[use] === url) {
      delete this.#connected[use];
      this.#onChange({ use, url, state: 'lost', reason });
    }
    return this.#current[use];
  }

  /** A node was found silent: what hangs on it is told, so that it need not wait out its own deadline. */
  abandon(url: string, reason: string): void {
    for (const watcher of [...this.#watchers]) if (watcher.url === url) watcher.left(reason);
  }

  /** Calls `left` once the node is abandoned. Returns what takes the watcher away again. */
  watch(url: string, left: (reason: string) => void): () => void {
    const watcher = { url, left };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #find(url: string): Endpoint | undefined {
    return this.#known.find((endpoint) => endpoint.url === url);
  }

  #longestAgo(use: Use, except: string): string {
    const others = this.#known.filter(({ url }) => url !== except);
    const [first, ...rest] = others;
    if (first === undefined) return except;
    return rest.reduce((best, next) => (next.failed[use] < best.failed[use] ? next : best), first).url;
  }
}
