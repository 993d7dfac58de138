import type { ConnectionChange, ConnectionUse } from '../types.ts';

/** More nodes than any cluster has. The bound stops a faulty node from growing the list without end. */
const MAX_KNOWN = 32;

interface Endpoint {
  readonly url: string;
  /** Sequence number of its last failure for each use; 0 once it serves again. */
  readonly failed: Record<ConnectionUse, number>;
}

interface Watcher {
  readonly url: string;
  readonly onAbandoned: (reason: string) => void;
}

/** Normalises a node's address: no trailing slash. @throws {TypeError} if it is not an http(s) address. */
function nodeAddress(text: string): string {
  const url = new URL(text);
  if (url.protocol !== 'http:' && url.protocol !== 'https:') throw new TypeError(`${text} is not an http(s) address`);
  return url.origin + url.pathname.replace(/\/+$/, '');
}

/**
 * The nodes that a client knows, and which one it uses for reads and for writes: every node serves reads, only the active
 * node accepts writes. The client stays with a node while it serves, then moves to the node whose last failure is oldest.
 */
export class Endpoints {
  readonly #known: Endpoint[] = [];
  readonly #current: Record<ConnectionUse, string>;
  readonly #connected: Partial<Record<ConnectionUse, string>> = {};
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

  /** The known addresses, in the order in which they were added. */
  get urls(): string[] {
    return this.#known.map(({ url }) => url);
  }

  /** The node for the next request of this use. */
  current(use: ConnectionUse): string {
    return this.#current[use];
  }

  /** Returns true if that node served the last request of this use. */
  isConnected(use: ConnectionUse, url: string): boolean {
    return this.#connected[use] === url;
  }

  /** Adds an address. @throws {TypeError} if it is not an http(s) address. */
  add(text: string): string {
    const url = nodeAddress(text);
    if (this.#find(url) === undefined && this.#known.length < MAX_KNOWN) {
      this.#known.push({ url, failed: { read: 0, write: 0 } });
    }
    return url;
  }

  /**
   * Adds a node that the node `by` names (the active one, or a peer) and returns its address. Returns undefined if `text` is not
   * usable: no address, that of `by` itself, or plain http named over https (a token would travel unencrypted).
   */
  addNamed(by: string, text: unknown): string | undefined {
    if (typeof text !== 'string') return undefined;
    try {
      const url = nodeAddress(text);
      if (url === by || (by.startsWith('https:') && !url.startsWith('https:'))) return undefined;
      return this.add(url);
    } catch {
      return undefined;
    }
  }

  /** Makes `url` the first choice for this use, unless a node already serves it. */
  prefer(use: ConnectionUse, url: string): void {
    if (this.#connected[use] === undefined) this.#current[use] = url;
  }

  /** Records that a node served a request: it is used from now on. */
  markServing(use: ConnectionUse, url: string): void {
    const endpoint = this.#find(url);
    if (endpoint !== undefined) endpoint.failed[use] = 0;
    this.#current[use] = url;
    if (this.#connected[use] === url) return;
    this.#connected[use] = url;
    this.#onChange({ use, url, state: 'connected' });
  }

  /** Records that a node failed, and returns the node to try next. */
  markFailed(use: ConnectionUse, url: string, reason: string): string {
    const endpoint = this.#find(url);
    this.#failures += 1;
    if (endpoint !== undefined) endpoint.failed[use] = this.#failures;
    if (this.#current[use] === url) this.#current[use] = this.#oldestFailure(use, url);
    if (this.#connected[use] === url) {
      delete this.#connected[use];
      this.#onChange({ use, url, state: 'lost', reason });
    }
    return this.#current[use];
  }

  /** Notifies the requests that wait on an unreachable node, so that they need not wait for their own timeout. */
  abandon(url: string, reason: string): void {
    for (const watcher of [...this.#watchers]) if (watcher.url === url) watcher.onAbandoned(reason);
  }

  /** Calls `onAbandoned` when the node is abandoned. Returns a function that removes the watcher. */
  watch(url: string, onAbandoned: (reason: string) => void): () => void {
    const watcher = { url, onAbandoned };
    this.#watchers.add(watcher);
    return () => this.#watchers.delete(watcher);
  }

  #find(url: string): Endpoint | undefined {
    return this.#known.find((endpoint) => endpoint.url === url);
  }

  #oldestFailure(use: ConnectionUse, except: string): string {
    const others = this.#known.filter(({ url }) => url !== except);
    const [first, ...rest] = others;
    if (first === undefined) return except;
    return rest.reduce((best, next) => (next.failed[use] < best.failed[use] ? next : best), first).url;
  }
}
