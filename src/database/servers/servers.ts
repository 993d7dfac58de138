import type { Socket } from 'node:net';
import type { DatabaseHost } from '../url/database-hosts.ts';
import { SEARCH_TIMES, type SearchTimes } from './search-times.ts';
import { type DatabaseServer, isResolved, resolveHost, serverKey } from './server.ts';
import { type FoundServer, ServerSearch, type WatchServer } from './server-search.ts';

/** After this time, in milliseconds, a server is checked again before a session is opened to it. */
const FRESH_MS = 1000;

/** A session that is being opened to one of several servers, which must accept writes. */
export interface Opening {
  /** Called when the server sends something. */
  received(): void;
  /** Called when the session is open and accepts writes. */
  opened(): void;
}

/** Finds the server for a session, and tracks the session while it is being opened. */
export type ServerChoice = Pick<Servers, 'find' | 'opening'>;

/**
 * The servers of one database, one of which accepts writes. All sessions of this process go to that one. When another takes over,
 * the sessions to the former one are closed: a server that is cut off or frozen would keep them waiting. Two addresses may lead to
 * the same server, such as two proxies that follow the primary: the sessions through either address then stay open.
 *
 * A single server is used in any state: a node may continue to read from a standby behind a proxy.
 */
export class Servers {
  readonly #hosts: readonly DatabaseHost[];
  readonly #watch: WatchServer;
  readonly #resolve: (host: DatabaseHost) => Promise<DatabaseServer[]>;
  readonly #times: SearchTimes;
  readonly #sockets = new Map<Socket, DatabaseServer>();
  /** The server that was found last. Another instance means a restart or a failover. */
  #found: FoundServer | null = null;
  #confirmedAt = Number.NEGATIVE_INFINITY;
  #search: ServerSearch | null = null;
  /** True after a search has found no server, until one finds a server. */
  #isLost = false;
  readonly #listeners = new Set<() => void>();
  readonly #standbyListeners = new Set<(server: DatabaseServer) => void>();

  constructor(
    hosts: readonly DatabaseHost[],
    watch: WatchServer,
    resolve = resolveHost,
    times: SearchTimes = SEARCH_TIMES,
  ) {
    this.#hosts = hosts;
    this.#watch = watch;
    this.#resolve = resolve;
    this.#times = times;
  }

  /**
   * Returns the server to open a session to.
   * @throws {NoWritableServerError} where there are several and none accepts writes; the system's error for a single name
   * that does not resolve.
   */
  async find(): Promise<DatabaseServer> {
    const [only, ...others] = this.#hosts;
    if (only && others.length === 0) {
      if (isResolved(only) || only.host === 'localhost') return { ...only, address: only.address ?? only.host };
      const [first, ...rest] = await this.#resolve(only);
      if (first && rest.length === 0) return first;
    }
    if (this.#found && performance.now() - this.#confirmedAt < FRESH_MS) return this.#found.server;
    return this.#searchNow();
  }

  /**
   * Calls `listener` when one of several servers accepts writes after none did, or when another has taken over. Returns a
   * function that removes the listener.
   */
  onFound(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /**
   * Calls `listener` with each standby, many times a second, while a server that accepts writes is searched for. Returns a
   * function that removes the listener.
   */
  onStandby(listener: (server: DatabaseServer) => void): () => void {
    this.#standbyListeners.add(listener);
    return () => this.#standbyListeners.delete(listener);
  }

  /** The server that was found last, for {@link follow} in another thread. */
  get found(): FoundServer | null {
    return this.#found;
  }

  /**
   * Uses the server that another thread of this process has found, if it was promoted after the one that is used here. Without
   * this, each thread would stay with its own server while a former primary and the new one both accept writes.
   */
  follow(found: FoundServer | null): void {
    if (found === null || (this.#found && found.timeline <= this.#found.timeline)) return;
    if (this.#search) this.#search.settle(found);
    else this.#use(found);
  }

  async #searchNow(): Promise<DatabaseServer> {
    this.#search ??= new ServerSearch({
      hosts: this.#hosts,
      lastUsed: this.#found,
      watch: this.#watch,
      resolve: this.#resolve,
      times: this.#times,
      onStandby: (server) => {
        for (const listener of this.#standbyListeners) listener(server);
      },
      onFound: (found) => this.#use(found),
      onAbandoned: () => {
        this.#search = null;
      },
    });
    try {
      return await this.#search.find();
    } catch (error) {
      this.#isLost = true;
      throw error;
    }
  }

  #use(found: FoundServer): void {
    const { server } = found;
    const hasChanged = this.#found !== null && this.#found.instance !== found.instance;
    const wasLost = this.#isLost;
    this.#found = found;
    this.#isLost = false;
    this.#search = null;
    this.#confirmedAt = performance.now();
    for (const [socket, used] of this.#sockets) {
      if (!hasChanged || serverKey(used) === serverKey(server)) continue;
      socket.destroy(new Error(`the session was closed: ${server.host}:${server.port} has taken over`));
    }
    if (wasLost || hasChanged) for (const listener of this.#listeners) listener();
  }

  /** Tracks a session that is being opened to `server`. Returns null if that is the only server. */
  opening(socket: Socket, server: DatabaseServer): Opening | null {
    if (!this.#isCurrent(server)) return null;
    const timer = setTimeout(() => {
      this.#markUnconfirmed(server);
      this.#searchNow().catch(() => {});
    }, this.#times.silentOpeningMs).unref();
    this.#track(socket, server);
    socket.once('close', () => clearTimeout(timer));
    return {
      received: () => void timer.refresh(),
      opened: () => {
        clearTimeout(timer);
        if (this.#isCurrent(server)) this.#confirmedAt = performance.now();
      },
    };
  }

  /** Returns a choice that is always `server`, whatever its state, for a session that is closed when another server takes over. */
  only(server: DatabaseServer): ServerChoice {
    return {
      find: () => Promise.resolve(server),
      opening: (socket) => {
        this.#track(socket, server);
        return null;
      },
    };
  }

  #track(socket: Socket, server: DatabaseServer): void {
    this.#sockets.set(socket, server);
    socket.once('close', () => {
      this.#sockets.delete(socket);
      this.#markUnconfirmed(server);
    });
  }

  #markUnconfirmed(server: DatabaseServer): void {
    if (this.#isCurrent(server)) this.#confirmedAt = Number.NEGATIVE_INFINITY;
  }

  #isCurrent(server: DatabaseServer): boolean {
    return this.#found !== null && serverKey(this.#found.server) === serverKey(server);
  }
}
