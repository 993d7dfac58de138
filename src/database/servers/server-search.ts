import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelay } from '../../async/backoff.ts';
import { maxRetryMs } from '../retry-limit.ts';
import type { DatabaseHost } from '../url/database-hosts.ts';
import type { SearchTimes } from './search-times.ts';
import { type DatabaseServer, describeServer, isResolved, serverKey } from './server.ts';
import { NotWritableError, NoWritableServerError, type ServerRefusal } from './server-errors.ts';

/** A server that accepts writes. */
export interface Writable {
  /** Identifies this run of the server. */
  instance: string;
  /** The timeline that it writes. A promotion begins a higher one. */
  timeline: number;
}

/**
 * Watches one server until it accepts writes. Calls `refuse` while it does not, e.g. while it is in recovery.
 * @throws when the server cannot be watched any longer.
 */
export type WatchServer = (
  server: DatabaseServer,
  signal: AbortSignal,
  refuse: (reason: Error) => void,
) => Promise<Writable>;

/** A server that a search has found, as it was then. */
export interface FoundServer extends Writable {
  server: DatabaseServer;
}

/** Options of a {@link ServerSearch}. */
export interface ServerSearchOptions {
  hosts: readonly DatabaseHost[];
  /** The server that was used last: tried first, and left only for a good reason; see {@link ServerSearch}. */
  lastUsed: FoundServer | null;
  watch: WatchServer;
  resolve: (host: DatabaseHost) => Promise<DatabaseServer[]>;
  times: SearchTimes;
  /** Called each time that a server is found to be in recovery, many times a second. */
  onStandby: (server: DatabaseServer) => void;
  /** Called once, when a server that accepts writes is found. */
  onFound: (found: FoundServer) => void;
  /** Called once, when the search ends because no caller has waited for it for `idleMs`. */
  onAbandoned: () => void;
}

/**
 * A search for the one server that accepts writes. All servers are watched at once, each beginning `staggerMs` after
 * the one before it, and are watched until one wins. So a dead server, a silent one, or a name that does not resolve delays
 * the others by the stagger at most.
 *
 * The server that was used last wins over another that accepts writes too: the other may be a former primary that has come up
 * again, and responds faster because it is idle. Only a promoted server, on a higher timeline, wins at once. Any other
 * wins when the last used one has failed for `failedMs`.
 */
export class ServerSearch {
  readonly #options: ServerSearchOptions;
  readonly #stop = new AbortController();
  readonly #startedAt = performance.now();
  /** When the last used server first failed; infinite before that. */
  #lastUsedFailedAt = Number.POSITIVE_INFINITY;
  readonly #queue: DatabaseServer[] = [];
  /** Every queued server with the error of its last failure; null while it has not failed yet. */
  readonly #servers = new Map<string, { server: DatabaseServer; error: Error | null }>();
  /** The same for names. One that has resolved is removed. */
  readonly #names = new Map<DatabaseHost, Error | null>();
  readonly #waiting = new Set<{ resolve: (server: DatabaseServer) => void; reject: (error: Error) => void }>();
  #staggerTimer: NodeJS.Timeout | null = null;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: ServerSearchOptions) {
    this.#options = options;
    if (options.lastUsed) this.#enqueue(options.lastUsed.server);
    for (const host of options.hosts) {
      if (!isResolved(host)) this.#names.set(host, null);
    }
    for (const host of options.hosts) void this.#resolve(host);
    this.#launchNext();
  }

  /**
   * Resolves with the server that accepts writes.
   * @throws {NoWritableServerError} as soon as every server has failed; the search continues for the next caller.
   */
  find(): Promise<DatabaseServer> {
    this.#postponeEnd();
    if (this.#haveAllFailed()) return Promise.reject(this.#failure());
    // Keeps the process running, as nothing else of a search does: a starting node would exit without a message.
    const keepRunning = setInterval(() => {}, this.#options.times.idleMs);
    const found = new Promise<DatabaseServer>((resolve, reject) => this.#waiting.add({ resolve, reject }));
    return found.finally(() => clearInterval(keepRunning));
  }

  #postponeEnd(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      if (this.#waiting.size > 0) return this.#postponeEnd();
      this.#end();
      this.#options.onAbandoned();
    }, this.#options.times.idleMs).unref();
  }

  #end(): void {
    this.#stop.abort();
    clearTimeout(this.#idleTimer);
    if (this.#staggerTimer) clearTimeout(this.#staggerTimer);
  }

  /** Addresses are queued at once, in the order of the URL. Names follow when they are resolved, and are resolved again. */
  async #resolve(host: DatabaseHost): Promise<void> {
    const { resolve } = this.#options;
    if (isResolved(host)) {
      this.#enqueue({ ...host, address: host.address ?? host.host });
      return;
    }
    while (!this.#stop.signal.aborted) {
      try {
        for (const server of await resolve(host)) this.#enqueue(server);
        this.#names.delete(host);
      } catch (error) {
        if (this.#stop.signal.aborted) return;
        // An address that the name had before is still tried.
        if (this.#names.has(host)) this.#names.set(host, error as Error);
      }
      if (this.#staggerTimer === null) this.#launchNext();
      this.#rejectIfAllFailed();
      await this.#pause(this.#options.times.resolveEveryMs);
    }
  }

  #enqueue(server: DatabaseServer): void {
    if (this.#servers.has(serverKey(server))) return;
    this.#servers.set(serverKey(server), { server, error: null });
    this.#queue.push(server);
  }

  #launchNext(): void {
    if (this.#staggerTimer) clearTimeout(this.#staggerTimer);
    this.#staggerTimer = null;
    const server = this.#queue.shift();
    if (!server || this.#stop.signal.aborted) return;
    this.#staggerTimer = setTimeout(() => this.#launchNext(), this.#options.times.staggerMs).unref();
    void this.#watch(server);
  }

  async #watch(server: DatabaseServer): Promise<void> {
    const { signal } = this.#stop;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const found = await this.#options.watch(server, signal, (reason) => this.#refuse(server, reason));
        if (signal.aborted) return;
        if (this.#mayWin(server, found)) return this.settle({ server, ...found });
        this.#accept(server);
        await this.#pause(this.#options.times.checkAgainMs);
      } catch (error) {
        if (signal.aborted) return;
        this.#refuse(server, error as Error);
        await this.#pause(backoffDelay(attempt, maxRetryMs(error, this.#options.times.maxRetryMs)));
      }
    }
  }

  #mayWin(server: DatabaseServer, { instance, timeline }: Writable): boolean {
    const { lastUsed } = this.#options;
    if (!lastUsed || this.#isLastUsed(server) || instance === lastUsed.instance) return true;
    if (timeline > lastUsed.timeline) return true;
    const { olderMs, failedMs, silentMs } = this.#options.times;
    const now = performance.now();
    if (timeline < lastUsed.timeline) return now - this.#startedAt >= olderMs;
    return now - this.#lastUsedFailedAt >= failedMs || now - this.#startedAt >= silentMs;
  }

  #isLastUsed(server: DatabaseServer): boolean {
    const { lastUsed } = this.#options;
    return lastUsed !== null && serverKey(lastUsed.server) === serverKey(server);
  }

  /** Records that a server accepts writes but must wait for the last used one. */
  #accept(server: DatabaseServer): void {
    const state = this.#servers.get(serverKey(server));
    if (state) state.error = null;
  }

  #refuse(server: DatabaseServer, error: Error): void {
    const state = this.#servers.get(serverKey(server));
    if (!state) return;
    if (error instanceof NotWritableError && error.isStandby) this.#options.onStandby(server);
    if (this.#isLastUsed(server)) this.#lastUsedFailedAt = Math.min(this.#lastUsedFailedAt, performance.now());
    const isFirst = state.error === null;
    state.error = error;
    if (isFirst) this.#launchNext();
    this.#rejectIfAllFailed();
  }

  /** Ends the search: `found` is the server to use. */
  settle(found: FoundServer): void {
    this.#end();
    this.#options.onFound(found);
    for (const { resolve } of this.#waiting) resolve(found.server);
    this.#waiting.clear();
  }

  #haveAllFailed(): boolean {
    const isFailed = (error: Error | null) => error !== null;
    return (
      [...this.#servers.values()].every((state) => isFailed(state.error)) && [...this.#names.values()].every(isFailed)
    );
  }

  #rejectIfAllFailed(): void {
    if (this.#waiting.size === 0 || !this.#haveAllFailed()) return;
    const error = this.#failure();
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  #failure(): NoWritableServerError {
    const refusals: ServerRefusal[] = [];
    for (const { server, error } of this.#servers.values()) {
      if (error) refusals.push({ server: describeServer(server), error });
    }
    for (const [{ host, port }, error] of this.#names) if (error) refusals.push({ server: `${host}:${port}`, error });
    return new NoWritableServerError(refusals);
  }

  #pause(ms: number): Promise<unknown> {
    return sleep(ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
  }
}
