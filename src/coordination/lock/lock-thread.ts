import { backoffDelay } from '../../async/backoff.ts';
import { type Clock, monotonic } from '../../async/clock.ts';
import { errorMessage } from '../../error-message.ts';
import type { Log } from '../../log/log.ts';
import { ChangeLogger } from '../change-logger.ts';
import { idleIntervalMs } from '../election-timing.ts';
import type { EndCause, Resignation } from '../end-cause.ts';
import type { LeaderLocking } from './leader-lock.ts';
import { LivenessStamp } from './liveness-stamp.ts';
import type { ArgumentsOf, LockCall, ReplyTo } from './lock-channel.ts';
import type { Promotion } from './lock-statements.ts';
import { LockWorkerError, LockWorkerLink, type LockWorkerLinkOptions, THREAD } from './lock-worker-link.ts';
import { Term } from './term.ts';

/** Options of a {@link LockThread}. */
export interface LockThreadOptions {
  /** How the lock session is opened: see leader-lock.ts. */
  session: LockWorkerLinkOptions['session'];
  leaseMs: number;
  node: string;
  url: () => string;
  log: Log;
  /** Called with the reason when a held lock is lost. */
  onLost(reason: string, cause: EndCause): void;
  clock?: Clock;
  limits?: LockWorkerLinkOptions['limits'];
  program?: URL | undefined;
  /** A thread without a sign of life for this long, in milliseconds, is in an endless loop. */
  lifelessMs?: number;
}

/** The delay between the end of a thread and the start of the next one, in milliseconds; doubles with each failure. */
const FIRST_RESTART_MS = 100;
const MAX_RESTART_MS = 5000;
/** On an overloaded machine a thread has taken seconds to start. */
const LIFELESS_MS = 15_000;

/**
 * The leader lock, kept by a thread of its own. 18,000 polls that arrive at once delay the timers of the main thread by seconds,
 * which must not cost the node its lease. The lease is in shared memory, so the main thread checks its term without a call, and
 * the result is as reliable as in the thread itself.
 *
 * Each thread watches the other. The lock thread gives the lock up when the main thread gives no sign of life
 * (liveness-stamp.ts). When the lock thread ends, its lease ends at once, and the next call starts another thread.
 */
export class LockThread implements LeaderLocking {
  readonly #options: LockThreadOptions;
  readonly #clock: Clock;
  readonly #changes: ChangeLogger;
  readonly #liveness = new LivenessStamp();
  #link: LockWorkerLink | null = null;
  #term: Term | null = null;
  #timer: NodeJS.Timeout | undefined;
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  #lastEnd = '';
  #isStopped = false;
  #checksWithoutLife = 0;
  #lastSign = 0;

  constructor(options: LockThreadOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#changes = new ChangeLogger(options.log);
  }

  /** Starts the thread, so that the first call does not wait for it. */
  start(): void {
    this.#liveness.touch();
    this.#timer ??= setInterval(() => this.#checkLife(), idleIntervalMs(this.#options.leaseMs)).unref();
    try {
      this.#running();
    } catch {
      // The failure is logged, and the next call retries.
    }
  }

  /** Records that the main thread is running: called for every request, beside the timer. */
  readonly touchLiveness = () => this.#liveness.touch();

  /** The term that this node may act on now, or null. Read before every write. */
  get term(): Term | null {
    return this.#term?.isValid ? this.#term : null;
  }

  /** The length of the lease (LEASE_MS). */
  get lengthMs(): number {
    return this.#options.leaseMs;
  }

  /** Milliseconds until the lease expires; 0 on a node that holds no term. */
  get remainingMs(): number {
    const lease = this.#link?.lease;
    const term = lease?.heldTerm ?? null;
    return lease && term !== null ? Math.max(0, lease.validUntil(term) - lease.now()) : 0;
  }

  /** The same as `Lease.worstDelayMs` (lease.ts). */
  get worstDelayMs(): number {
    return this.#link?.lease.worstDelayMs ?? 0;
  }

  open(): Promise<void> {
    return this.#call('open');
  }

  /** Prepares the thread. A failure is logged, not thrown: without a thread a node can be a standby, but not a candidate. */
  async prepare(): Promise<void> {
    await this.#call('prepare').catch((error) => {
      if (!(error instanceof LockWorkerError)) throw error;
    });
  }

  async tryAcquire(promotion: Promotion): Promise<Term | null> {
    const link = this.#running();
    const opened = await this.#call('tryAcquire', promotion);
    this.#term = opened && new Term(opened, link.lease);
    return this.#term;
  }

  isTaken(): Promise<boolean> {
    return this.#call('isTaken');
  }

  instance(): Promise<string | null> {
    return this.#call('instance');
  }

  async renew(): Promise<boolean> {
    const isHeld = (await this.#link?.call('renew').catch(() => false)) ?? false;
    if (!isHeld) this.#lost('its lease could not be renewed', 'connection_lost');
    return isHeld;
  }

  async release(resignation: Resignation): Promise<void> {
    if (this.#endTerm()) await this.#link?.call('release', resignation).catch(() => undefined);
  }

  abandon(reason: string): void {
    this.#endTerm();
    this.#link?.order('abandon', reason);
  }

  interrupt(): void {
    this.#link?.order('interrupt', 'interrupted');
  }

  async close(): Promise<void> {
    this.#endTerm();
    await this.#link?.call('close').catch(() => undefined);
  }

  /** Drops the lock session and ends the thread. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#endTerm();
    clearInterval(this.#timer);
    await this.#link?.end('stopped');
    this.#link = null;
  }

  async #call<Call extends LockCall>(call: Call, ...args: ArgumentsOf<Call>): Promise<ReplyTo<Call>> {
    const reply = await this.#running().call(call, ...args);
    this.#failures = 0;
    this.#changes.resolve('thread', `${THREAD} is running again`);
    return reply;
  }

  /** Returns the link to the running thread; starts one if there is none. @throws {LockWorkerError}. */
  #running(): LockWorkerLink {
    if (this.#link) return this.#link;
    if (this.#isStopped) throw new LockWorkerError('the node is stopping');
    if (this.#clock() < this.#notBefore) throw new LockWorkerError(this.#lastEnd);
    const { session, node, leaseMs, url, log, limits, program } = this.#options;
    try {
      this.#link = new LockWorkerLink({
        session,
        node,
        leaseMs,
        url,
        mainThread: this.#liveness,
        onLost: (reason, cause) => this.#lost(reason, cause),
        onWarning: (fields, sentence) => log.warn(fields, sentence),
        onEnd: (reason) => this.#ended(reason),
        ...(limits ? { limits } : {}),
        ...(program ? { program } : {}),
      });
      return this.#link;
    } catch (error) {
      this.#ended(errorMessage(error));
      throw new LockWorkerError(this.#lastEnd);
    }
  }

  /** Counts checks instead of time, because a stop of the whole process delays both threads alike. */
  #checkLife(): void {
    this.#liveness.touch();
    const sign = this.#link?.liveness.lastAt ?? 0;
    this.#checksWithoutLife = sign === this.#lastSign ? this.#checksWithoutLife + 1 : 0;
    this.#lastSign = sign;
    const { leaseMs, lifelessMs = LIFELESS_MS } = this.#options;
    const limit = lifelessMs / idleIntervalMs(leaseMs);
    if (this.#link && this.#checksWithoutLife > limit) this.#link.kill('it gave no sign of life');
  }

  #ended(reason: string): void {
    this.#link = null;
    this.#lastEnd = reason;
    this.#notBefore = this.#clock() + backoffDelay(this.#failures++, MAX_RESTART_MS, FIRST_RESTART_MS);
    const sentence = `${THREAD} has ended, and the next attempt starts another: ${reason}`;
    this.#changes.report('thread', sentence, 'lock_thread_ended');
    this.#lost(`${THREAD} has ended: ${reason}`, 'node_stalled');
  }

  #lost(reason: string, cause: EndCause): void {
    if (this.#endTerm()) this.#options.onLost(reason, cause);
  }

  /** Ends the term on this side at once. Returns false if there was none. */
  #endTerm(): boolean {
    const hadTerm = this.#term !== null;
    this.#term?.end();
    this.#term = null;
    return hadTerm;
  }
}
