import { type Clock, monotonic } from '../../async/clock.ts';
import { SerialQueue } from '../../async/serial-queue.ts';
import { type InstanceRow, READ_INSTANCE } from '../../database/servers/instance.ts';
import { type DatabaseSession, SessionLostError } from '../../database/session/database-session.ts';
import { errorMessage } from '../../error-message.ts';
import { causeOfLoss, type EndCause, type Resignation } from '../end-cause.ts';
import { Heartbeat } from './heartbeat.ts';
import type { LeaderLockOptions } from './leader-lock-options.ts';
import { Lease } from './lease.ts';
import {
  closeTermQuery,
  openTermQuery,
  type Promotion,
  READ_IS_TAKEN,
  tryLockQuery,
  WARM_UP_TERM,
} from './lock-statements.ts';
import { Term } from './term.ts';
import { openTerm } from './term-opening.ts';

/** The leader lock as the SyncManager uses it: a {@link LeaderLock} in this thread or in a thread of its own. */
export type LeaderLocking = Pick<
  LeaderLock,
  'open' | 'prepare' | 'tryAcquire' | 'renew' | 'release' | 'isTaken' | 'instance' | 'interrupt' | 'abandon' | 'close'
>;

/** A resignation takes one statement that waits at most a second (close_term); the rest is for the network. */
const RELEASE_LIMIT_MS = 3000;
/** Limit for statements of a session that does not hold the lock; a shorter lease is the limit instead. More would only delay the next attempt. */
const ATTEMPT_LIMIT_MS = 3000;
/** The first call of a function in a session takes about 30 ms, and ten times that on an overloaded machine. */
const WARM_UP_LIMIT_MS = 3000;

/**
 * The leader lock, held by one session that is used for nothing else.
 *
 * The session's idle_session_timeout is the lease: PostgreSQL ends the session, and so frees the lock, when no heartbeat
 * has arrived for that long. A stopped process, a cut cable and a crashed kernel all lose the lock this way. A killed process
 * loses it when its kernel closes the socket, within milliseconds. The lock is taken with pg_try_advisory_lock, once:
 * session locks stack, and a waiting pg_advisory_lock() would hold a snapshot and so hold back vacuum.
 *
 * Once acquired, the lock renews its lease by itself (heartbeat.ts), until it is released or lost.
 *
 * On a standby the session stays open and has its plans prepared (warm_up_term), so that a promotion costs only two quick
 * round trips. After a failover of PostgreSQL it is a spare one, if possible (spare-sessions.ts). A new session tries to take the
 * lock before its plans are prepared.
 */
export class LeaderLock {
  readonly #options: LeaderLockOptions;
  readonly #clock: Clock;
  readonly #lease: Lease;
  readonly #queue = new SerialQueue();
  #session: DatabaseSession | null = null;
  /** The session whose plans are prepared, and the one that has tried for the lock. */
  #warm: DatabaseSession | null = null;
  #tried: DatabaseSession | null = null;
  #attempt: AbortController | null = null;
  readonly #heartbeat: Heartbeat;

  constructor(options: LeaderLockOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#lease = options.lease ?? new Lease({ leaseMs: options.leaseMs, clock: this.#clock });
    this.#heartbeat = new Heartbeat({
      ...options,
      lease: this.#lease,
      clock: this.#clock,
      queue: this.#queue,
      session: () => this.#session,
      lose: (reason, cause) => this.#lose(reason, cause),
    });
  }

  /**
   * Tries to take the lock once and opens a term with it. Returns the term, or null if another session holds the lock or
   * a pause keeps this node from being promoted.
   * @throws the driver's or server's error if the database could not be queried, or refused to open a term.
   */
  tryAcquire(promotion: Promotion): Promise<Term | null> {
    return this.#try(async (signal) => {
      // Session locks stack: if it were taken twice, the one unlock of a resignation would not free it.
      if (this.#isHeld) this.abandon('another attempt to take the lock begins');
      const session = await this.#openSession(signal);
      const isFirstTry = this.#tried !== session;
      this.#tried = session;
      const query = tryLockQuery(this.#options.node, promotion);
      const [row] = await session.query<{ taken: boolean }>(query, this.#attemptLimitMs);
      if (row?.taken) return this.#openTerm(session, promotion);
      // Not at the first try of a session: the node that has just taken the lock may need the server more.
      if (!isFirstTry) await this.#warmUp(session, signal);
      return null;
    });
  }

  /** Renews the lease now instead of when it is due. Returns false if the lock is lost. */
  renew(): Promise<boolean> {
    return this.#heartbeat.sendNow();
  }

  /**
   * Resigns: waits for the writes under way, closes the term, notifies the peers and frees the lock. The lease ends first, so
   * that no write begins in the meantime. Never throws: if the database cannot be queried, dropping the session frees the
   * lock.
   */
  release(resignation: Resignation): Promise<void> {
    const [session, term] = [this.#session, this.#lease.heldTerm];
    this.#endLease();
    // A heartbeat without a reply, which may wait for a lease, must not delay the resignation.
    const timer = setTimeout(() => {
      if (this.#session === session) this.abandon('its heartbeat has no reply');
    }, RELEASE_LIMIT_MS);
    return this.#queue.run(async () => {
      clearTimeout(timer);
      if (session === null || term === null) return;
      try {
        await session.query(closeTermQuery(term, resignation), RELEASE_LIMIT_MS);
      } catch (error) {
        this.#options.log.warn(`the term could not be closed (${errorMessage(error)}): dropping the lock session`);
        this.abandon('resigned');
      }
    });
  }

  /** Drops the session, and with it the lock, without a statement. */
  abandon(reason: string): void {
    this.#endLease();
    this.#session?.destroy(reason);
    this.#session = null;
  }

  /** Closes the session gracefully; the next attempt opens another. */
  close(): Promise<void> {
    return this.#queue.run(async () => {
      const session = this.#session;
      this.#session = null;
      this.#endLease();
      await session?.close();
    });
  }

  /** Opens the session; the attempt that follows prepares its plans. @throws as {@link tryAcquire}. */
  async open(): Promise<void> {
    await this.#try((signal) => this.#openSession(signal));
  }

  /**
   * Opens the session and warms it up for the next attempt. It stays open for one lease without a statement; then PostgreSQL ends
   * it, as it does if the node is dead. @throws as {@link tryAcquire}.
   */
  async prepare(): Promise<void> {
    await this.#try(async (signal) => this.#warmUp(await this.#openSession(signal), signal));
  }

  /**
   * Ends an attempt that may be waiting for a database that does not respond. Affects neither a held lock nor a resignation under
   * way, which has its own deadline.
   */
  interrupt(): void {
    this.#attempt?.abort();
  }

  /** Returns true if a session holds the lock; false also if this one is closed. */
  isTaken(): Promise<boolean> {
    return this.#try(async () => {
      if (!this.#session?.isOpen) return false;
      const [row] = await this.#session.query<{ taken: boolean }>(READ_IS_TAKEN, this.#attemptLimitMs);
      return row?.taken === true;
    });
  }

  /** Returns which server the session is connected to ({@link READ_INSTANCE}), or null if it is closed. */
  instance(): Promise<string | null> {
    return this.#try(async () => {
      if (!this.#session?.isOpen) return null;
      const [row] = await this.#session.query<InstanceRow>(READ_INSTANCE, this.#attemptLimitMs);
      return row?.instance ?? null;
    });
  }

  get #attemptLimitMs(): number {
    return Math.min(this.#options.leaseMs, ATTEMPT_LIMIT_MS);
  }

  get #isHeld(): boolean {
    return this.#lease.heldTerm !== null;
  }

  #endLease(): void {
    this.#heartbeat.stop();
    this.#lease.expire();
  }

  /** Abandons the lock, and reports the loss of a lock that was held. */
  #lose(reason: string, cause: EndCause): void {
    const wasHeld = this.#isHeld;
    this.abandon(reason);
    if (wasHeld) this.#options.onLost(reason, cause);
  }

  /** Runs an attempt, which {@link interrupt} can end. */
  #try<T>(attempt: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return this.#queue.run(async () => {
      const controller = new AbortController();
      controller.signal.addEventListener('abort', () => {
        if (!this.#isHeld) this.abandon('interrupted');
      });
      this.#attempt = controller;
      try {
        return await attempt(controller.signal);
      } finally {
        this.#attempt = null;
      }
    });
  }

  async #openSession(signal: AbortSignal): Promise<DatabaseSession> {
    if (this.#session?.isOpen) return this.#session;
    const session = await this.#options.open(signal);
    session.onLost((reason, error) => {
      if (this.#session === session) this.#lose(reason, causeOfLoss(error));
    });
    this.#session = session;
    return session;
  }

  /** Prepares the plans for the next attempt. A session that has just taken the lock skips this: it would plan them twice. */
  async #warmUp(session: DatabaseSession, signal: AbortSignal): Promise<void> {
    if (this.#warm === session) return;
    await session.warmUp(WARM_UP_TERM, WARM_UP_LIMIT_MS, signal, { mayFail: true });
    this.#warm = session;
  }

  async #openTerm(session: DatabaseSession, promotion: Promotion): Promise<Term> {
    const { node, url, log, leaseMs } = this.#options;
    try {
      const how = { limitMs: this.#attemptLimitMs, log, clock: this.#clock };
      const { sentAt, ...opened } = await openTerm(session, openTermQuery(node, url(), promotion, leaseMs), how);
      if (this.#session !== session) throw new SessionLostError('interrupted');
      this.#lease.begin(opened.number, sentAt);
      this.#heartbeat.start(sentAt);
      return new Term(opened, this.#lease);
    } catch (error) {
      this.abandon('no term could be opened');
      throw error;
    }
  }
}
