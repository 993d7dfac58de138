import { type Clock, monotonic } from '../async/clock.ts';
import { BlockedError, type ToBlockedError } from '../database/checks/blocking.ts';
import { adviceOn } from '../database/database-advice.ts';
import { isRefusedByDatabase, reasonOf, SqlState, sqlState } from '../database/errors.ts';
import type { Queryable, ReconnectingSession } from '../database/session/reconnecting-session.ts';
import { errorMessage } from '../error-message.ts';
import type { ChangeLogger } from './change-logger.ts';
import type { ElectionState } from './election-timing.ts';
import { HolderWatch } from './lock/holder-watch.ts';
import type { LeaderLocking } from './lock/leader-lock.ts';
import type { Term } from './lock/term.ts';
import type { PauseState } from './pause.ts';

/** SQLSTATEs of a read-only server and of a transaction that blocks the new term: both keep every node from being promoted. */
const BLOCKING_CODES: ReadonlySet<string> = new Set([
  SqlState.LOCK_NOT_AVAILABLE,
  SqlState.READ_ONLY,
  SqlState.QUERY_CANCELED,
]);

/** Options of a {@link Candidacy}. */
export interface CandidacyOptions {
  leaseMs: number;
  lock: Pick<LeaderLocking, 'open' | 'prepare' | 'tryAcquire' | 'isTaken'>;
  /** The session for writes of an active node; a node that cannot open it does not try. */
  writerSession: Pick<ReconnectingSession, 'opened' | 'unreachableForMs'>;
  /** The session that reads the holder of the lock. */
  catchUpSession: Queryable;
  toBlockedError: ToBlockedError;
  changes: ChangeLogger;
  /** When a node was last known to be active, by the clock; null if none ever was. */
  lastActiveAt(): number | null;
  /** The pause of failover, as far as this node knows; missing where there is none. */
  pause?: Pick<PauseState, 'current'>;
  clock?: Clock;
}

/**
 * A standby's attempts to take the leader lock: when it may try, what makes it try sooner, and the reason it records.
 * Observations of other nodes decide only when it tries; the lock decides the result.
 */
export class Candidacy {
  readonly #options: CandidacyOptions;
  readonly #clock: Clock;
  readonly #holder: HolderWatch;
  #notBefore = Number.NEGATIVE_INFINITY;
  #deferUntil = Number.NEGATIVE_INFINITY;
  #sign: { at: number; reason: string } | null = null;
  #leaderSeenAt: number;
  /** True while a node is seen active. */
  #isLed = false;
  /** The last term of this process: during a pause no other process is promoted. */
  #ownTerm: number | null = null;
  #failures = 0;
  #failure: unknown = null;
  #failingSince = 0;
  #failedAt = 0;
  /**
   * When PostgreSQL responded again after the first outage since a node was last seen active: later outages belong to the same
   * vacancy.
   */
  #answeredAt = Number.NEGATIVE_INFINITY;

  constructor(options: CandidacyOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#leaderSeenAt = this.#clock();
    this.#holder = new HolderWatch({ ...options, session: options.catchUpSession });
  }

  /** Records a sign that the lock may be free. */
  suspectVacancy(reason: string): void {
    this.#sign = { at: this.#clock(), reason };
    // PostgreSQL may respond again: the delay after a failure starts from its shortest value.
    this.#failures = Math.min(this.#failures, 1);
  }

  /** Lets the other nodes try first for `ms` milliseconds. Never shortens a back-off. */
  backOff(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, this.#clock() + ms);
  }

  /** Opens no lock session for `ms` milliseconds, so that the node of `lastTerm` comes first; does nothing if that is this node. */
  deferToLast(lastTerm: number, ms: number): void {
    if (this.#ownTerm === null || this.#ownTerm < lastTerm) this.#deferUntil = this.#clock() + ms;
  }

  /** True while this node opens no lock session, so that another node comes first. */
  get isDeferring(): boolean {
    return this.#clock() < this.#deferUntil;
  }

  endBackOff(): void {
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  /** Ends the back-off, because a node is active: the next vacancy is a new one. */
  activeSeen(): void {
    this.#leaderSeenAt = this.#clock();
    this.#isLed = true;
    this.#sign = null;
    this.#holder.reset();
    this.endBackOff();
  }

  /** Records that no node is seen active. */
  noneSeen(): void {
    this.#isLed = false;
  }

  /** Starts over as a standby: earlier signs no longer count. */
  reset(): void {
    this.#sign = null;
    this.#isLed = false;
    this.#leaderSeenAt = this.#clock();
  }

  get mayTry(): boolean {
    return this.#clock() >= this.#notBefore;
  }

  /**
   * Checks during the back-off whether a session holds the lock. If one does, its node was faster, and may die before this node
   * observes it in any other way. The query also resets the idle timeout of this node's own lock session. If it fails, the next
   * attempt logs why.
   */
  async checkHolder(): Promise<void> {
    const { lock } = this.#options;
    try {
      await lock.prepare();
      if (await lock.isTaken()) this.activeSeen();
    } catch {
      return;
    }
  }

  /** Tries once. Returns the new term and the reason of the promotion, or null; logs once what prevented it. */
  async tryAcquire(given?: string): Promise<{ term: Term; reason: string } | null> {
    try {
      await this.#openSessions();
      const reason = given ?? this.#reason;
      const term = await this.#options.lock.tryAcquire({ reason, unseenMs: this.#unseenMs, ownTerm: this.#ownTerm });
      if (term !== null || !this.#isRefused) this.#succeeded();
      if (term !== null) {
        this.#ownTerm = term.number;
        return { term, reason };
      }
      if (!this.#isPaused) void this.#checkSilentHolder();
      return null;
    } catch (error) {
      this.#failed(error);
      return null;
    }
  }

  /**
   * Opens the lock session and the writer's session at the same time, and waits for the lock session first: its error says why a
   * server accepts no writes, and the log does not alternate between two errors. If the lock session fails, the other is not
   * awaited, so that the next attempt follows soon.
   */
  async #openSessions(): Promise<void> {
    const { lock, writerSession } = this.#options;
    const writer = writerSession.opened();
    writer.catch(() => {});
    await lock.open();
    await writer;
  }

  /** How long ago a node was last known to be active, in milliseconds; null if none ever was. */
  get #unseenMs(): number | null {
    const lastActiveAt = this.#options.lastActiveAt();
    return lastActiveAt === null ? null : this.#clock() - lastActiveAt;
  }

  #failed(error: unknown): void {
    this.#failure = error;
    this.#failedAt = this.#clock();
    if (this.#failures++ === 0) this.#failingSince = this.#failedAt;
    void this.#report(error);
  }

  /** Logs why an attempt failed. No attempt awaits this: finding the blocking transaction takes up to a second on a slow server. */
  async #report(error: unknown): Promise<void> {
    const { toBlockedError, changes } = this.#options;
    const explained = await toBlockedError(error).catch(() => error);
    // PostgreSQL has responded to a later attempt.
    if (this.#failures === 0) return;
    const isBlocked = explained instanceof BlockedError || sqlState(error) === SqlState.LOCK_NOT_AVAILABLE;
    const reason = isBlocked ? 'another transaction blocks the new term' : errorMessage(error) + adviceOn(error);
    changes.report('database', `cannot become active: ${reason}`, undefined, reasonOf(error));
  }

  #succeeded(): void {
    if (this.#failures > 0 && this.#answeredAt <= this.#leaderSeenAt) this.#answeredAt = this.#clock();
    this.#failures = 0;
    this.#options.changes.resolve('database', 'PostgreSQL responds again');
  }

  /**
   * True if PostgreSQL has refused the new term, or another transaction has blocked it, and no node has been seen active since. If
   * another session holds the lock then, that is no sign of recovery: its holder is a peer whose term is refused or blocked too.
   */
  get #isRefused(): boolean {
    const isKeptOut = isRefusedByDatabase(this.#failure) || BLOCKING_CODES.has(sqlState(this.#failure) ?? '');
    return this.#failures > 0 && isKeptOut && this.#leaderSeenAt <= this.#failedAt;
  }

  /** Ends the session of a silent holder. No attempt awaits this: the session for it may have to be opened first. */
  async #checkSilentHolder(): Promise<void> {
    if (await this.#holder.check(this.#clock() - this.#leaderSeenAt))
      this.suspectVacancy('the session of a silent holder was ended');
  }

  /** Why this node cannot be promoted while no other is active; null if it can, or if that is not known yet. */
  get problem(): string | null {
    if (this.#isPaused) return 'no node is active, and failover is paused';
    if (this.#failures > 0) return `no node is active, and this one cannot be promoted: ${reasonOf(this.#failure)}`;
    // A dead node loses the lock within one lease.
    const since = Math.max(this.#leaderSeenAt, this.#answeredAt);
    const isHeldElsewhere = this.#clock() - since > 2 * this.#options.leaseMs;
    return isHeldElsewhere ? 'no node is active, and another session holds the leader lock' : null;
  }

  /** The state that determines the time until the next attempt (election-timing.ts). */
  get electionState(): Omit<ElectionState, 'role' | 'leaseMs'> {
    const now = this.#clock();
    return {
      sinceSignMs: this.#sign && now - this.#sign.at,
      // Not the time since a node was last seen active: that is positive even while one is, so that a standby would try every 50 ms.
      leaderlessMs: this.#isLed ? 0 : now - this.#leaderSeenAt,
      failures: this.#failures,
      failingMs: this.#failures > 0 ? now - this.#failingSince : 0,
    };
  }

  get #isPaused(): boolean {
    return this.#options.pause ? this.#options.pause.current !== null : false;
  }

  get #reason(): string {
    const isFresh = this.#sign !== null && this.#clock() - this.#sign.at < 2 * this.#options.leaseMs;
    return isFresh && this.#sign ? this.#sign.reason : 'the leader lock was free';
  }
}
