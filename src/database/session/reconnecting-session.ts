import type pg from 'pg';
import { backoffDelay } from '../../async/backoff.ts';
import { isRefusedByDatabase, SqlState, sqlState } from '../errors.ts';
import { maxRetryMs } from '../retry-limit.ts';
import { AbandonedBackends } from './abandoned-backends.ts';
import { DatabaseSession, SessionLostError, UnpinnedSessionError } from './database-session.ts';
import type { PinnedConnectionOptions } from './pinned-connection.ts';
import { Reachability } from './reachability.ts';
import { SpareSessions } from './spare-sessions.ts';

/** The longest delay before the next attempt to open the session, and so the longest delay after a failover. */
const MAX_RETRY_MS = 250;
/** The same for sessions on which the first post after a failover depends. */
const MAX_URGENT_RETRY_MS = 100;

/** Anything that runs statements as a {@link ReconnectingSession} does. */
export type Queryable = Pick<ReconnectingSession, 'query'>;

const END_ABANDONED_LIMIT_MS = 1000;
/** How long {@link ReconnectingSession.reconnect} leaves the old session to the statements under way. */
const LAST_STATEMENTS_LIMIT_MS = 5000;
/** A warm-up takes about 40 ms, and ten times that on an overloaded machine. */
const WARM_UP_LIMIT_MS = 5000;

/**
 * The shortest time between two sessions that are opened for new plans, in milliseconds. While a table has a PostgreSQL RULE … DO
 * INSTEAD NOTHING, every post fails with ROWS_DROPPED, and each would open a session.
 */
const REPLACE_EVERY_MS = 2000;

/**
 * A session that reconnects. It opens at the first use, and after a loss it reopens in the background, so that the first
 * query after a restart or a failover finds it warm. A query on a closed session opens it at once. No statement is sent
 * twice: the caller decides what a lost reply means.
 */
export class ReconnectingSession {
  readonly #options: PinnedConnectionOptions;
  readonly #warmUp: pg.QueryConfig | null;
  readonly #spares: SpareSessions | null;
  readonly #maxRetryMs: number;
  readonly #ignoreServers: () => void;
  readonly #onOpened: () => void;
  readonly #stop = new AbortController();
  #session: DatabaseSession | null = null;
  /** Replaced sessions on which statements are still under way. */
  readonly #former = new Set<DatabaseSession>();
  #opening: Promise<DatabaseSession> | null = null;
  /** The first part of {@link #opening}, without the warm-up. */
  #reaching: Promise<DatabaseSession> | null = null;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  readonly #reachability = new Reachability();
  readonly #abandoned = new AbandonedBackends();
  #waitedForStandby = false;
  /** When a session was last replaced for its plans. */
  #replacedAt = Number.NEGATIVE_INFINITY;

  /**
   * `warmUp` runs right after each opening: a statement that changes nothing and prepares the plans of the real ones. With a
   * `spareWarmUp` the session has {@link SpareSessions}. A session that `isUrgent` is reopened as soon as a server is known to
   * accept writes; the others follow, so that they do not delay it. `onOpened` is called after each opening.
   */
  constructor(
    options: PinnedConnectionOptions,
    {
      warmUp = null,
      spareWarmUp = null,
      isUrgent = false,
      onOpened = () => {},
    }: {
      warmUp?: pg.QueryConfig | null;
      spareWarmUp?: pg.QueryConfig | null;
      isUrgent?: boolean;
      onOpened?: () => void;
    } = {},
  ) {
    this.#onOpened = onOpened;
    this.#options = { ...options, onProgress: () => this.#reachability.received() };
    this.#warmUp = warmUp;
    this.#spares = spareWarmUp && new SpareSessions(this.#options, spareWarmUp);
    this.#maxRetryMs = isUrgent ? MAX_URGENT_RETRY_MS : MAX_RETRY_MS;
    const reopen = () => {
      if (this.#retry === undefined) return;
      if (isUrgent) void this.#open().catch(() => {});
      else this.#openAfter(MAX_RETRY_MS);
    };
    this.#ignoreServers = options.servers.onFound(reopen);
  }

  /** As {@link Reachability.unreachableForMs}; 0 while the session is open. */
  get unreachableForMs(): number {
    return this.isOpen ? 0 : this.#reachability.unreachableForMs;
  }

  /** True if the last abandoned statement was waiting for a synchronous standby. Valid after {@link ready} resolves. */
  get waitedForStandby(): boolean {
    return this.#waitedForStandby;
  }

  /** Opens the session if it is closed. When this throws, nothing has been sent. */
  async ready(): Promise<void> {
    if (!this.#session?.isOpen) await this.#open();
  }

  /** Waits as {@link ready} does, but not for the warm-up. */
  async opened(): Promise<void> {
    if (this.#session?.isOpen) return;
    const opening = this.#open();
    opening.catch(() => {});
    await (this.#reaching ?? opening);
  }

  /** Calls {@link DatabaseSession.query}; `limitMs` counts from when the session is open. */
  async query<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<Row[]> {
    const session = this.#session?.isOpen ? this.#session : await this.#open();
    try {
      return await session.query<Row>(query, limitMs);
    } catch (error) {
      // The statement was not sent.
      if (error instanceof UnpinnedSessionError && this.#session === session)
        return (await this.#open()).query<Row>(query, limitMs);
      this.#waitedForStandby = false;
      if (session.abandoned !== null) this.#abandoned.add(session.abandoned);
      if (sqlState(error) === SqlState.ROWS_DROPPED) this.#dropPlans(session);
      throw error;
    }
  }

  get isOpen(): boolean {
    return this.#session?.isOpen === true;
  }

  /** Reopens the session if it is open. The statements under way end on the old one. */
  reconnect(): void {
    const old = this.#session;
    if (!old?.isOpen || this.#stop.signal.aborted) return;
    this.#session = null;
    this.#reachability.closed();
    this.#former.add(old);
    void old
      .query({ text: 'SELECT' }, LAST_STATEMENTS_LIMIT_MS)
      .catch(() => {})
      .then(() => old.close())
      .then(() => this.#former.delete(old));
    void this.#open().catch(() => {});
  }

  /**
   * Replaces the session, to get new plans. A plan that was made while a rule discarded an INSERT (DO INSTEAD NOTHING) names no table,
   * so PostgreSQL keeps it after the rule was dropped.
   */
  #dropPlans(session: DatabaseSession): void {
    if (this.#session !== session || performance.now() - this.#replacedAt < REPLACE_EVERY_MS) return;
    this.#replacedAt = performance.now();
    this.reconnect();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    this.#ignoreServers();
    this.#cancelRetry();
    await this.#opening?.catch(() => {});
    await this.#spares?.stop();
    await Promise.all([this.#session, ...this.#former].map((session) => session?.close()));
  }

  #open(): Promise<DatabaseSession> {
    this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #openOnce(): Promise<DatabaseSession> {
    this.#cancelRetry();
    if (this.#stop.signal.aborted) throw new SessionLostError('the node is stopping');
    this.#reachability.openingBegan();
    try {
      this.#reaching = this.#reach().then(async (opened) => {
        await this.#endAbandoned(opened);
        return opened;
      });
      const session = await this.#reaching;
      if (this.#warmUp) await this.#warm(session, this.#warmUp);
      session.onLost(() => {
        if (this.#session !== session) return;
        this.#reachability.closed();
        this.#openLater(this.#maxRetryMs);
      });
      this.#session = session;
      this.#attempt = 0;
      this.#onOpened();
      return session;
    } catch (error) {
      this.#openLater(maxRetryMs(error, this.#maxRetryMs));
      throw error;
    } finally {
      this.#reaching = null;
    }
  }

  async #warm(session: DatabaseSession, warmUp: pg.QueryConfig): Promise<void> {
    try {
      await session.warmUp(warmUp, WARM_UP_LIMIT_MS, this.#stop.signal);
    } catch (error) {
      if (isRefusedByDatabase(error)) this.#reachability.warmUpRefused();
      throw error;
    }
  }

  async #reach(): Promise<DatabaseSession> {
    try {
      const { signal } = this.#stop;
      const session = await (this.#spares?.open(signal) ?? DatabaseSession.open(this.#options, signal));
      this.#reachability.reached();
      return session;
    } catch (error) {
      this.#reachability.openingFailed();
      throw error;
    }
  }

  async #endAbandoned(session: DatabaseSession): Promise<void> {
    if (this.#abandoned.isEmpty) return;
    try {
      this.#waitedForStandby = await this.#abandoned.end((text) => session.query({ text }, END_ABANDONED_LIMIT_MS));
    } catch (error) {
      session.destroy('its predecessor could not be ended');
      throw error;
    }
  }

  #openLater(maxMs: number): void {
    if (!this.#stop.signal.aborted) this.#openAfter(backoffDelay(this.#attempt++, maxMs));
  }

  #openAfter(ms: number): void {
    this.#cancelRetry();
    this.#retry = setTimeout(() => void this.#open().catch(() => {}), ms);
  }

  #cancelRetry(): void {
    clearTimeout(this.#retry);
    this.#retry = undefined;
  }
}
