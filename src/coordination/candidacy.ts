import type { Explain } from '../database/checks/blocking.ts';
import { messageOf, reasonOf, SqlState, sqlState } from '../database/errors.ts';
import type { Queryable, ReconnectingSession } from '../database/session/reconnecting-session.ts';
import type { ChangeLogger } from './change-logger.ts';
import { type Clock, monotonic } from './clock.ts';
import type { ElectionState } from './election-timing.ts';
import { HolderWatch } from './lock/holder-watch.ts';
import type { LockKeeping } from './lock/lock-keeper.ts';

/** What a {@link Candidacy} is made of. */
export interface CandidacyOptions {
  leaseMs: number;
  lock: Pick<LockKeeping, 'prepare' | 'tryAcquire' | 'holder'>;
  /** The way by which an active writes: who does not have it does not try. */
  writing: Pick<ReconnectingSession, 'ready' | 'closedForMs'>;
  /** Where it is looked who holds the lock. */
  watching: Queryable;
  /** Names what a lock was refused for. */
  explain: Explain;
  changes: ChangeLogger;
  clock?: Clock;
}

/**
 * A standby's tries for the leader lock: when it may, what hurries it, and what it gives as its reason. All that a node
 * sees of others ends here: it hurries a try or holds it back, and never more.
 */
export class Candidacy {
  readonly #options: CandidacyOptions;
  readonly #clock: Clock;
  readonly #holder: HolderWatch;
  #notBefore = Number.NEGATIVE_INFINITY;
  #sign: { at: number; reason: string } | null = null;
  #leaderSeenAt: number;
  #failures = 0;
  #failure: unknown = null;
  #failingSince = 0;

  constructor(options: CandidacyOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#leaderSeenAt = this.#clock();
    this.#holder = new HolderWatch({ ...options, session: options.watching });
  }

  /** Something was seen after which the lock may be free. */
  suspectVacancy(reason: string): void {
    this.#sign = { at: this.#clock(), reason };
  }

  /** Leaves the others the first try for `ms`; a longer hold that is in force stays. */
  backOff(ms: number): void {
    this.#notBefore = Math.max(this.#notBefore, this.#clock() + ms);
  }

  /** No reason any more to hold back. */
  endBackOff(): void {
    this.#notBefore = Number.NEGATIVE_INFINITY;
  }

  /** Somebody is on duty: whoever was meant to be first has been, and the next vacancy is another one. */
  activeSeen(): void {
    this.#leaderSeenAt = this.#clock();
    this.#sign = null;
    this.#holder.reset();
    this.endBackOff();
  }

  /** Begins anew as a standby: the old signs are of no account. */
  reset(): void {
    this.#sign = null;
    this.#leaderSeenAt = this.#clock();
  }

  get mayTry(): boolean {
    return this.#clock() >= this.#notBefore;
  }

  /**
   * Instead of a try, while that is held back: asks whether somebody has the lock. Who has it has been first, and may be
   * dead before it is heard of in any other way. The question also keeps the lock session from being taken for a dead
   * node's. Where it cannot be asked, the next try says so.
   */
  async checkHolder(): Promise<void> {
    const { lock } = this.#options;
    try {
      await lock.prepare();
      if (await lock.holder()) this.activeSeen();
    } catch {
      return;
    }
  }

  /** Tries once. Answers the term that was opened and why, or null; what stood in the way is in the log, once. */
  async tryAcquire(given?: string): Promise<{ term: number; reason: string } | null> {
    const { lock, changes, writing } = this.#options;
    try {
      await writing.ready();
      const reason = given ?? this.#reason;
      const term = await lock.tryAcquire({ reason, unseenMs: this.#clock() - this.#leaderSeenAt });
      this.#failures = 0;
      changes.resolve('database', 'PostgreSQL answers again');
      if (term === null) void this.#lookAtHolder();
      return term === null ? null : { term, reason };
    } catch (error) {
      this.#failure = error;
      if (this.#failures++ === 0) this.#failingSince = this.#clock();
      const isBlocked = sqlState(error) === SqlState.LOCK_NOT_AVAILABLE;
      if (isBlocked) await this.#options.explain(error);
      const reason = isBlocked ? 'another transaction is in the way of a new term' : messageOf(error);
      changes.report('database', `cannot go on duty: ${reason}`, undefined, reasonOf(error));
      return null;
    }
  }

  /** No try waits for it: its session may have to be opened first. */
  async #lookAtHolder(): Promise<void> {
    if (await this.#holder.look(this.#clock() - this.#leaderSeenAt)) this.suspectVacancy('the silent holder was ended');
  }

  /** Why this node cannot be promoted while no other is active; null where it could, or where that is still to be seen. */
  get trouble(): string | null {
    if (this.#failures > 0) return `no node is active, and this one cannot be promoted: ${reasonOf(this.#failure)}`;
    // A holder that died keeps the lock for less than this.
    const isPuzzling = this.#clock() - this.#leaderSeenAt > 2 * this.#options.leaseMs;
    return isPuzzling ? 'no node is active, and another session holds the leader lock' : null;
  }

  /** What the pace of the tries depends on (pace.ts). */
  get electionState(): Omit<ElectionState, 'role' | 'leaseMs'> {
    const now = this.#clock();
    return {
      sinceSignMs: this.#sign && now - this.#sign.at,
      leaderlessMs: now - this.#leaderSeenAt,
      failures: this.#failures,
      failingMs: this.#failures > 0 ? now - this.#failingSince : 0,
    };
  }

  get #reason(): string {
    const isFresh = this.#sign !== null && this.#clock() - this.#sign.at < 2 * this.#options.leaseMs;
    return isFresh && this.#sign ? this.#sign.reason : 'the leader lock was free';
  }
}
