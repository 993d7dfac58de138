import type pg from 'pg';
import { AbandonedBackends } from './abandoned-backends.ts';
import type { ConnectionOptions } from './pinned-connection.ts';
import { Session, SessionLostError } from './session.ts';

/** Backoff between attempts to open it again when nobody asks: doubles from 50 ms to 2 s, with jitter. */
const retryDelay = (attempt: number) => Math.min(2000, 50 * 2 ** Math.min(attempt, 6)) * (0.5 + Math.random() / 2);

/** What can be asked, whatever the session behind it. */
export type Queryable = Pick<ReconnectingSession, 'query'>;

const END_ABANDONED_LIMIT_MS = 1000;
/** A first call takes some 40 ms, and on a starved machine tenfold. */
const REHEARSAL_LIMIT_MS = 5000;

/**
 * A session that is there when it is needed: opened at the first use, and after a loss opened anew in the background, so
 * that the first query after a restart or a failover finds it warm. A query that finds it closed opens it at once. No
 * statement is ever sent twice: what a lost answer means is for the caller to know.
 */
export class ReconnectingSession {
  readonly #options: ConnectionOptions;
  readonly #rehearsal: pg.QueryConfig | null;
  readonly #stop = new AbortController();
  #session: Session | null = null;
  #opening: Promise<Session> | null = null;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #closedAt = performance.now();
  readonly #abandoned = new AbandonedBackends();
  #waitedForStandby = false;

  /** `rehearsal` is run right after each opening: a statement that does nothing but make the real ones quick. */
  constructor(options: ConnectionOptions, rehearsal: pg.QueryConfig | null = null) {
    this.#options = options;
    this.#rehearsal = rehearsal;
  }

  /** For how long it has been closed, in milliseconds; 0 while it is open. */
  get closedForMs(): number {
    return this.#session?.isOpen ? 0 : performance.now() - this.#closedAt;
  }

  /** True where the statement that was last given up waited for a synchronous standby. Known once {@link ready} again. */
  get waitedForStandby(): boolean {
    return this.#waitedForStandby;
  }

  /** Opens the session where it is not open. Where this throws, nothing has been sent. */
  async ready(): Promise<void> {
    if (!this.#session?.isOpen) await this.#open();
  }

  /** As {@link Session.query}; `limitMs` counts from when the session is open. */
  async query<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<Row[]> {
    const session = this.#session?.isOpen ? this.#session : await this.#open();
    try {
      return await session.query<Row>(query, limitMs);
    } catch (error) {
      this.#waitedForStandby = false;
      if (session.abandoned !== null) this.#abandoned.add(session.abandoned);
      throw error;
    }
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    clearTimeout(this.#retry);
    await this.#opening?.catch(() => {});
    await this.#session?.close();
  }

  #open(): Promise<Session> {
    this.#opening ??= this.#openOnce().finally(() => {
      this.#opening = null;
    });
    return this.#opening;
  }

  async #openOnce(): Promise<Session> {
    clearTimeout(this.#retry);
    if (this.#stop.signal.aborted) throw new SessionLostError('the node is stopping');
    try {
      const session = await Session.open(this.#options, this.#stop.signal);
      await this.#endAbandoned(session);
      if (this.#rehearsal) await session.warmUp(this.#rehearsal, REHEARSAL_LIMIT_MS, this.#stop.signal);
      session.onLost(() => {
        this.#closedAt = performance.now();
        this.#openLater();
      });
      this.#session = session;
      this.#attempt = 0;
      return session;
    } catch (error) {
      this.#openLater();
      throw error;
    }
  }

  async #endAbandoned(session: Session): Promise<void> {
    if (this.#abandoned.isEmpty) return;
    try {
      this.#waitedForStandby = await this.#abandoned.end((text) => session.query({ text }, END_ABANDONED_LIMIT_MS));
    } catch (error) {
      session.destroy('its predecessor could not be ended');
      throw error;
    }
  }

  #openLater(): void {
    if (this.#stop.signal.aborted) return;
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#open().catch(() => {}), retryDelay(this.#attempt++));
  }
}
