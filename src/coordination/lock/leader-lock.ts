import { LEADER_LOCK } from '../../database/advisory-locks.ts';
import { type Session, SessionLostError } from '../../database/session/session.ts';
import type { Log } from '../../log.ts';
import { messageOf } from '../../message-of.ts';
import { type Clock, monotonic } from '../clock.ts';
import { Lease } from './lease.ts';
import { openTerm, openTermQuery, type Promotion, WARM_UP_TERM } from './term-opening.ts';

/** What a {@link LeaderLock} is made of. */
export interface LeaderLockOptions {
  /**
   * Opens the lock session, in PostgreSQL itself and not through a transaction pooler, with the lease as its
   * idle_session_timeout. `signal` gives it up.
   */
  open(signal: AbortSignal): Promise<Session>;
  leaseMs: number;
  node: string;
  url: () => string;
  log: Pick<Log, 'warn'>;
  /** Called when a session that held the lock is lost, with why. */
  onLost(reason: string): void;
  clock?: Clock;
  /** Where other threads read it; default: in memory of its own. */
  lease?: Lease;
}

/** One who holds the leader lock, as PostgreSQL sees it. */
export interface Holder {
  application_name: string;
  pid: number;
}

/** A resignation takes one statement that waits at most a second (close_term); the rest is for the way. */
const RESIGN_LIMIT_MS = 3000;
/** The first call of a function in a session takes some 30 ms, and on a starved machine tenfold. */
const WARM_UP_LIMIT_MS = 3000;

/**
 * The leader lock, held by one session that belongs to nobody else.
 *
 * The session's idle_session_timeout is the lease: PostgreSQL ends it, and so frees the lock, when no heartbeat has
 * arrived for that long. A stopped process, a cut cable and a crashed kernel all lose it so; a killed process loses it
 * when its kernel closes the socket, within milliseconds. The lock is taken with pg_try_advisory_lock, once: session
 * locks stack, and a waiting pg_advisory_lock() would hold a snapshot against vacuum.
 *
 * While the node stands by, the session stays open and has its plans prepared (warm_up_term), so that a promotion costs two
 * quick round trips and no more.
 * Calls must not overlap, {@link interrupt} apart: the SyncManager makes them one after another.
 */
export class LeaderLock {
  readonly #options: LeaderLockOptions;
  readonly #clock: Clock;
  readonly #lease: Lease;
  #session: Session | null = null;
  #opening: AbortController | null = null;
  #isResigning = false;

  constructor(options: LeaderLockOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#lease = options.lease ?? new Lease({ leaseMs: options.leaseMs, clock: this.#clock });
  }

  /** The term this node is on duty for, or null: read before every write, so it must cost nothing. */
  get term(): number | null {
    return this.#lease.term;
  }

  /** True from a promotion until the lock is given up or known to be lost, even when the lease has expired meanwhile. */
  get isClaimed(): boolean {
    return this.#lease.claimedTerm !== null;
  }

  /**
   * Opens the session and warms it up, so that the next try finds it warm. It lasts for a lease without a question: to
   * PostgreSQL an idle session is one whose node is dead. @throws as {@link tryAcquire}.
   */
  async prepare(): Promise<void> {
    await this.#openSession();
  }

  /**
   * Tries for the lock once and opens a term with it; what is written down about it is asked for then. Answers the term,
   * or null when another holds the lock.
   * @throws the driver's or server's error when the database could not be asked, or would not open a term.
   */
  async tryAcquire(promotion: () => Promotion): Promise<number | null> {
    // Session locks stack: taken twice, it would not be free after the one unlock of a resignation.
    if (this.isClaimed) this.abandon('it is tried for anew');
    const session = await this.#openSession();
    const [row] = await session.query<{ taken: boolean }>(
      { name: 'try', text: 'SELECT pg_try_advisory_lock($1, $2) AS taken', values: [...LEADER_LOCK] },
      this.#options.leaseMs,
    );
    if (!row?.taken) return null;
    try {
      return await this.#openTerm(session, promotion());
    } catch (error) {
      this.abandon('no term could be opened');
      throw error;
    }
  }

  /** Who holds the lock; null when nobody does, or when it cannot be said. */
  async holder(): Promise<Holder | null> {
    if (!this.#session?.isOpen) return null;
    const query = { text: "SELECT coalesce(application_name, '?') AS application_name, pid FROM plantao.lock_holder" };
    const [holder] = await this.#session.query<Holder>(query, this.#options.leaseMs);
    return holder ?? null;
  }

  /**
   * Asks PostgreSQL whether this very session holds the lock and its term is the open one. False, after giving up the
   * session, when not, or when no answer came within a lease. An answer that comes after the lease has expired renews it:
   * the session was there all the time, so nobody else can have had the lock. `dueAt` is when it was to be sent.
   */
  async renew(dueAt = this.#clock()): Promise<boolean> {
    const [session, term] = [this.#session, this.#lease.claimedTerm];
    if (session === null || term === null) return this.lose('it has no session');
    const startedAt = this.#clock();
    try {
      const [row] = await session.query<{ held: boolean }>(
        { name: 'heartbeat', text: 'SELECT plantao.hold_leader_lock($1) AS held', values: [term] },
        this.#options.leaseMs,
      );
      // Resigned or abandoned meanwhile: whatever the answer says is of that time.
      if (this.#session !== session || this.#lease.claimedTerm !== term) return false;
      if (!row?.held) return this.lose('its session does not hold the lock any more, or its term was closed');
    } catch (error) {
      return this.#session === session ? this.lose(messageOf(error)) : false;
    }
    this.#lease.renew(startedAt, this.#clock() - dueAt);
    return true;
  }

  /**
   * Resigns: waits for the writes under way, closes the term, tells the peers and frees the lock. The lease ends first, so
   * no write begins meanwhile. Never throws: where the database cannot be asked, dropping the session frees the lock.
   */
  async release(reason: string, handTo: string | null): Promise<void> {
    const [session, term] = [this.#session, this.#lease.claimedTerm];
    this.#lease.expire();
    if (session === null || term === null) return;
    this.#isResigning = true;
    try {
      await session.query(
        { text: 'SELECT plantao.close_term($1, $2, $3)', values: [term, reason, handTo] },
        RESIGN_LIMIT_MS,
      );
    } catch (error) {
      this.#options.log.warn(`the term could not be closed in order (${messageOf(error)}): dropping the lock session`);
      this.abandon('resigned');
    } finally {
      this.#isResigning = false;
    }
  }

  /** Drops the session, and with it the lock, without asking anybody. */
  abandon(reason: string): void {
    this.#lease.expire();
    this.#session?.destroy(reason);
    this.#session = null;
  }

  /** As {@link abandon}, and says that a lock which was held is lost. */
  lose(reason: string): false {
    const held = this.isClaimed;
    this.abandon(reason);
    if (held) this.#options.onLost(reason);
    return false;
  }

  /**
   * Ends an attempt that may be waiting for a database that does not answer. Does nothing to a lock that is held, nor to
   * a resignation under way, which has a limit of its own.
   */
  interrupt(): void {
    this.#opening?.abort();
    if (!this.isClaimed && !this.#isResigning) this.abandon('interrupted');
  }

  /** Closes the session in order; the next attempt opens another. */
  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    this.#lease.expire();
    await session?.close();
  }

  async #openSession(): Promise<Session> {
    if (this.#session?.isOpen) return this.#session;
    const opening = new AbortController();
    this.#opening = opening;
    try {
      const session = await this.#options.open(opening.signal);
      await session.warmUp(WARM_UP_TERM, WARM_UP_LIMIT_MS, opening.signal);
      session.onLost((reason) => {
        if (this.#session === session) this.lose(reason);
      });
      this.#session = session;
      return session;
    } finally {
      this.#opening = null;
    }
  }

  async #openTerm(session: Session, promotion: Promotion): Promise<number> {
    const { node, url, leaseMs, log } = this.#options;
    const how = { limitMs: leaseMs, log, clock: this.#clock };
    const { term, askedAt } = await openTerm(session, openTermQuery(node, url(), promotion), how);
    if (this.#session !== session) throw new SessionLostError('interrupted');
    this.#lease.begin(term, askedAt);
    return term;
  }
}
