import { setTimeout as sleep } from 'node:timers/promises';
import type pg from 'pg';
import { withTimeout } from '../../async/with-timeout.ts';
import { type DatabaseServer, serverKey } from '../servers/server.ts';
import { CONNECT_LIMIT_MS } from './connection.ts';
import { DatabaseSession } from './database-session.ts';
import type { PinnedConnectionOptions } from './pinned-connection.ts';

/** A session for the leader lock is ended if it is idle for a lease, which is 300 ms at least. */
const KEEP_ALIVE_MS = 100;
const KEEP_ALIVE: pg.QueryConfig = { text: 'SELECT' };
/** How long a session is kept after its server was last seen in recovery. If it was promoted, the session is taken within this time. */
const KEEP_MS = 2000;
/** Delay from the loss of a session, or a failed opening, to the next opening. */
const RETRY_MS = 500;
/** A warm-up takes about 50 ms, and ten times that on an overloaded machine. */
const STATEMENT_LIMIT_MS = 3000;

interface Spare {
  /** Null if it could not be opened. */
  opening: Promise<DatabaseSession | null>;
  /** When its server was last seen in recovery. */
  seenAt: number;
}

/**
 * Opens the sessions of one purpose. While no server accepts writes, keeps an open session with each standby: if PostgreSQL
 * promotes that standby, {@link open} returns the session. Opening one then would take 50 ms at best, and all nodes open theirs at
 * once after a promotion.
 */
export class SpareSessions {
  readonly #options: PinnedConnectionOptions;
  readonly #warmUp: pg.QueryConfig;
  readonly #spares = new Map<string, Spare>();
  readonly #stop = new AbortController();
  readonly #ignoreStandbys: () => void;

  /** `warmUp` prepares what it can of the real statements on a server that is in recovery. It must not fail there. */
  constructor(options: PinnedConnectionOptions, warmUp: pg.QueryConfig) {
    this.#options = options;
    this.#warmUp = warmUp;
    this.#ignoreStandbys = options.servers.onStandby((server) => this.#seen(server));
  }

  /** Returns a spare session, or opens one as {@link DatabaseSession.open} does. */
  async open(signal?: AbortSignal): Promise<DatabaseSession> {
    return (this.#spares.size > 0 && (await this.#take(signal))) || DatabaseSession.open(this.#options, signal);
  }

  /** Closes the sessions that were not taken. */
  async stop(): Promise<void> {
    this.#ignoreStandbys();
    this.#stop.abort();
    await Promise.all([...this.#spares.values()].map(async ({ opening }) => (await opening)?.close()));
  }

  /**
   * Returns the spare session with the server that accepts writes now. Returns null if there is none; if no server accepts writes, the
   * error of {@link DatabaseSession.open} says why.
   */
  async #take(signal?: AbortSignal): Promise<DatabaseSession | null> {
    const { servers, connectionTimeoutMillis: limitMs = CONNECT_LIMIT_MS } = this.#options;
    const done = new AbortController();
    const aborted = new Promise<void>((resolve) => {
      if (signal?.aborted) resolve();
      signal?.addEventListener('abort', () => resolve(), { signal: done.signal });
    });
    let taken: DatabaseSession | null = null;
    const find = async () => {
      const key = serverKey(await servers.find());
      const session = await this.#spares.get(key)?.opening;
      // The caller may have stopped waiting, or another call may have taken it.
      if (!session?.isOpen || done.signal.aborted || !this.#spares.delete(key)) return;
      taken = session;
    };
    await withTimeout(limitMs, Promise.race([find().catch(() => {}), aborted]), () => {});
    done.abort();
    return taken;
  }

  #seen(server: DatabaseServer): void {
    const spare = this.#spares.get(serverKey(server));
    if (spare) spare.seenAt = performance.now();
    else if (!this.#stop.signal.aborted) void this.#keep(server);
  }

  /** Opens a session, and keeps it until it is taken or its server is no longer a standby. */
  async #keep(server: DatabaseServer): Promise<void> {
    const key = serverKey(server);
    const options = { ...this.#options, servers: this.#options.servers.only(server) };
    // The error is not needed: open() will open a session as usual, and throw its own.
    const opening = DatabaseSession.open(options, this.#stop.signal).catch(() => null);
    const spare: Spare = { opening, seenAt: performance.now() };
    this.#spares.set(key, spare);
    const isKept = () =>
      this.#spares.get(key) === spare && !this.#stop.signal.aborted && performance.now() - spare.seenAt < KEEP_MS;
    const session = await opening;
    for (let next = this.#warmUp; session?.isOpen && isKept(); next = KEEP_ALIVE) {
      await session.query(next, STATEMENT_LIMIT_MS).catch(() => {});
      await this.#pause(KEEP_ALIVE_MS);
    }
    if (!session?.isOpen) await this.#pause(RETRY_MS);
    if (this.#spares.get(key) !== spare) return;
    this.#spares.delete(key);
    await session?.close();
  }

  #pause(ms: number): Promise<unknown> {
    return sleep(ms, undefined, { signal: this.#stop.signal, ref: false }).catch(() => {});
  }
}
