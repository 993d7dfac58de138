import type pg from 'pg';
import { messageOf, SqlState, sqlState } from '../database/errors.ts';
import { Session } from '../database/session.ts';
import type { Log } from '../log.ts';
import { Belief, type Clock, monotonic } from './belief.ts';

/** Advisory lock class of this project ("PLNT") and the leader lock in it; see migrations/0003_cluster.sql. */
export const LOCK_CLASS = 1347178068;
const LEADER_LOCK = 1;

/** What a {@link LeaderLock} is made of. `config` must reach PostgreSQL itself, not a transaction pooler. */
export interface LeaderLockOptions {
  config: pg.ClientConfig;
  leaseMs: number;
  node: string;
  url: () => string;
  log: Log;
  /** Called when a session that held the lock is lost, with why. */
  onLost(reason: string): void;
  clock?: Clock;
}

/**
 * The leader lock, held by one session that belongs to nobody else.
 *
 * The session's idle_session_timeout is the lease: PostgreSQL ends it, and so frees the lock, when no heartbeat has
 * arrived for that long. A stopped process, a cut cable and a crashed kernel all lose it so; a killed process loses it
 * when its kernel closes the socket, within milliseconds. The lock is taken with pg_try_advisory_lock, once: session
 * locks stack, and a waiting pg_advisory_lock() would hold a snapshot against vacuum.
 *
 * While the node stands by, the session stays open and warm, so that a promotion costs two round trips and no more.
 * Calls must not overlap: the SyncManager makes them one after another.
 */
export class LeaderLock {
  readonly #options: LeaderLockOptions;
  readonly #clock: Clock;
  readonly #belief: Belief;
  #session: Session | null = null;
  #term: number | null = null;

  constructor(options: LeaderLockOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#belief = new Belief(options.leaseMs, this.#clock);
  }

  /** The term this node is on duty for, or null: read before every write, so it must cost nothing. */
  get term(): number | null {
    return this.#belief.holds ? this.#term : null;
  }

  /** True from a promotion until the lock is given up or known to be lost, even when belief has run out meanwhile. */
  get isClaimed(): boolean {
    return this.#term !== null;
  }

  /**
   * Tries for the lock once and opens a term with it. Answers the term, or null when another holds the lock.
   * @throws the driver's or server's error when the database could not be asked, or would not open a term.
   */
  async attempt(reason: string): Promise<number | null> {
    const session = await this.#openSession();
    const startedAt = this.#clock();
    const [row] = await session.query<{ taken: boolean }>(
      { text: 'SELECT pg_try_advisory_lock($1, $2) AS taken', values: [LOCK_CLASS, LEADER_LOCK] },
      this.#options.leaseMs,
    );
    if (!row?.taken) return null;
    try {
      const term = await this.#openTerm(session, reason);
      this.#term = term;
      this.#belief.confirm(startedAt);
      return term;
    } catch (error) {
      this.abandon('no term could be opened');
      throw error;
    }
  }

  /**
   * Asks PostgreSQL whether this very session holds the lock. False, after giving up the session, when it does not, or
   * when no answer came while belief lasted.
   */
  async heartbeat(): Promise<boolean> {
    const session = this.#session;
    if (session === null || this.#term === null || !this.#belief.holds) return this.#fail('its belief ran out');
    const startedAt = this.#clock();
    try {
      const [row] = await session.query<{ held: boolean }>(
        { name: 'heartbeat', text: 'SELECT plantao.hold_leader_lock() AS held' },
        this.#belief.remainingMs,
      );
      if (!row?.held) return this.#fail('the session no longer holds it');
    } catch (error) {
      return this.#fail(messageOf(error));
    }
    this.#belief.confirm(startedAt);
    return true;
  }

  /**
   * Resigns: waits for the writes under way, closes the term, tells the peers and frees the lock. Belief ends first, so
   * no write begins meanwhile. Never throws: where the database cannot be asked, dropping the session frees the lock.
   */
  async resign(reason: string, handTo: string | null): Promise<void> {
    const [session, term] = [this.#session, this.#term];
    this.#belief.drop();
    this.#term = null;
    if (session === null || term === null) return;
    try {
      await session.query(
        { text: 'SELECT plantao.close_term($1, $2, $3)', values: [term, reason, handTo] },
        this.#options.leaseMs,
      );
    } catch (error) {
      this.#options.log.warn(`the term could not be closed in order (${messageOf(error)}): dropping the lock session`);
      this.abandon('resigned');
    }
  }

  /** Drops the session, and with it the lock, without asking anybody. */
  abandon(reason: string): void {
    this.#belief.drop();
    this.#term = null;
    this.#session?.destroy(reason);
    this.#session = null;
  }

  async close(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.close();
  }

  async #openSession(): Promise<Session> {
    if (this.#session?.isOpen) return this.#session;
    const session = await Session.open(this.#options.config, this.#options.leaseMs);
    session.onLost((reason) => {
      if (this.#session !== session) return;
      const held = this.isClaimed;
      this.abandon(reason);
      if (held) this.#options.onLost(reason);
    });
    this.#session = session;
    return session;
  }

  /** Opens the term; where an open transaction of the last term stands in the fence, ends that session and tries again. */
  async #openTerm(session: Session, reason: string): Promise<number> {
    const { node, url, leaseMs, log } = this.#options;
    const query = { text: 'SELECT plantao.open_term($1, $2, $3) AS term', values: [node, url(), reason] };
    for (let tries = 1; ; tries++) {
      try {
        const [row] = await session.query<{ term: number }>(query, leaseMs);
        if (!row) throw new Error('open_term gave no term');
        return row.term;
      } catch (error) {
        if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE || tries === 3) throw error;
        const ended = await session.query<{ application_name: string; running_for_ms: number }>(
          {
            text: `SELECT application_name, round(extract(epoch FROM running_for) * 1000)::int AS running_for_ms
                   FROM plantao.end_last_term_sessions()`,
          },
          leaseMs,
        );
        for (const one of ended) {
          log.warn(
            { event: 'last_term_ended', session: one.application_name },
            `ended ${one.application_name}: its transaction, open for ${one.running_for_ms} ms, stood in the way of the new term`,
          );
        }
      }
    }
  }

  #fail(reason: string): false {
    const held = this.isClaimed;
    this.abandon(reason);
    if (held) this.#options.onLost(reason);
    return false;
  }
}
