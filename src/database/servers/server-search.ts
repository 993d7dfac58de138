import { setTimeout as sleep } from 'node:timers/promises';
import { backoffDelay } from '../../backoff.ts';
import { maxRetryMs } from '../retry-limit.ts';
import type { DatabaseHost } from '../url/database-url.ts';
import { describeServer, isResolved, type Server, serverKey } from './server.ts';
import { NoWritableServerError, type Refusal } from './server-errors.ts';

/**
 * Watches one server until it accepts writes, and returns a text that identifies this run of the server. Calls `refuse` while
 * it does not accept writes, e.g. while it is in recovery.
 * @throws when the server cannot be watched any longer.
 */
export type WatchServer = (server: Server, signal: AbortSignal, refuse: (reason: Error) => void) => Promise<string>;

/** Options of a {@link ServerSearch}. */
export interface ServerSearchOptions {
  hosts: readonly DatabaseHost[];
  /** Tried first: the server that was used last. */
  preferred: Server | null;
  watch: WatchServer;
  resolve: (host: DatabaseHost) => Promise<Server[]>;
  /** Called once, when a server accepts writes; `instance` is that of {@link WatchServer}. */
  onFound: (server: Server, instance: string) => void;
  /** Called once, when the search ends because no caller has waited for it for {@link IDLE_MS}. */
  onAbandoned: () => void;
}

/**
 * How long a silent server delays the next one (RFC 8305 recommends 100 ms at least). A server that fails does not delay it.
 */
const STAGGER_MS = 100;
/** How often a name is resolved again during one search: a failover may change it. */
const RESOLVE_EVERY_MS = 1000;
/** The longest delay before a server that failed is tried again. A promotion is noticed within it. */
const MAX_RETRY_MS = 100;
/** A search without a waiting caller continues for this long, so that the next attempt can join it. */
const IDLE_MS = 2000;

/**
 * A search for the one server that accepts writes. All servers are watched at once, each beginning {@link STAGGER_MS} after
 * the one before it, and are watched until one wins. So a dead server, a silent one, or a name that does not resolve delays
 * the others by the stagger at most.
 */
export class ServerSearch {
  readonly #options: ServerSearchOptions;
  readonly #stop = new AbortController();
  readonly #queue: Server[] = [];
  /** Every queued server with the error of its last failure; null while it has not failed yet. */
  readonly #servers = new Map<string, { server: Server; error: Error | null }>();
  /** The same for names. One that has resolved is removed. */
  readonly #names = new Map<DatabaseHost, Error | null>();
  readonly #waiting = new Set<{ resolve: (server: Server) => void; reject: (error: Error) => void }>();
  #staggerTimer: NodeJS.Timeout | null = null;
  #idleTimer: NodeJS.Timeout | undefined;

  constructor(options: ServerSearchOptions) {
    this.#options = options;
    if (options.preferred) this.#enqueue(options.preferred);
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
  find(): Promise<Server> {
    this.#postponeEnd();
    if (this.#isHopeless()) return Promise.reject(this.#failure());
    // Keeps the process running, as nothing else of a search does: a starting node would exit without a message.
    const keepRunning = setInterval(() => {}, IDLE_MS);
    const found = new Promise<Server>((resolve, reject) => this.#waiting.add({ resolve, reject }));
    return found.finally(() => clearInterval(keepRunning));
  }

  #postponeEnd(): void {
    clearTimeout(this.#idleTimer);
    this.#idleTimer = setTimeout(() => {
      if (this.#waiting.size > 0) return this.#postponeEnd();
      this.#end();
      this.#options.onAbandoned();
    }, IDLE_MS).unref();
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
      this.#rejectIfHopeless();
      await this.#pause(RESOLVE_EVERY_MS);
    }
  }

  #enqueue(server: Server): void {
    if (this.#servers.has(serverKey(server))) return;
    this.#servers.set(serverKey(server), { server, error: null });
    this.#queue.push(server);
  }

  #launchNext(): void {
    if (this.#staggerTimer) clearTimeout(this.#staggerTimer);
    this.#staggerTimer = null;
    const server = this.#queue.shift();
    if (!server || this.#stop.signal.aborted) return;
    this.#staggerTimer = setTimeout(() => this.#launchNext(), STAGGER_MS).unref();
    void this.#watch(server);
  }

  async #watch(server: Server): Promise<void> {
    const { signal } = this.#stop;
    for (let attempt = 0; !signal.aborted; attempt++) {
      try {
        const instance = await this.#options.watch(server, signal, (reason) => this.#refuse(server, reason));
        if (!signal.aborted) this.#win(server, instance);
        return;
      } catch (error) {
        if (signal.aborted) return;
        this.#refuse(server, error as Error);
        await this.#pause(backoffDelay(attempt, maxRetryMs(error, MAX_RETRY_MS)));
      }
    }
  }

  #refuse(server: Server, error: Error): void {
    const state = this.#servers.get(serverKey(server));
    if (!state) return;
    const isFirst = state.error === null;
    state.error = error;
    if (isFirst) this.#launchNext();
    this.#rejectIfHopeless();
  }

  #win(server: Server, instance: string): void {
    this.#end();
    this.#options.onFound(server, instance);
    for (const { resolve } of this.#waiting) resolve(server);
    this.#waiting.clear();
  }

  #isHopeless(): boolean {
    const isFailed = (error: Error | null) => error !== null;
    return (
      [...this.#servers.values()].every((state) => isFailed(state.error)) && [...this.#names.values()].every(isFailed)
    );
  }

  #rejectIfHopeless(): void {
    if (this.#waiting.size === 0 || !this.#isHopeless()) return;
    const error = this.#failure();
    for (const { reject } of this.#waiting) reject(error);
    this.#waiting.clear();
  }

  #failure(): NoWritableServerError {
    const refusals: Refusal[] = [];
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
