import type { Log } from '../../log.ts';
import { messageOf } from '../../message-of.ts';
import { ChangeLogger } from '../change-logger.ts';
import { type Clock, monotonic } from '../clock.ts';
import { idleIntervalMs } from '../election-timing.ts';
import type { Holder } from './leader-lock.ts';
import type { AnswerOf, ArgumentsOf, LockCall } from './lock-channel.ts';
import type { LockKeeping } from './lock-keeper.ts';
import { LockWorkerError, LockWorkerLink, type LockWorkerLinkOptions, THREAD } from './lock-worker-link.ts';
import { SignOfLife } from './sign-of-life.ts';
import type { Promotion } from './term-opening.ts';

/** What a {@link LockThread} is made of. */
export interface LockThreadOptions {
  /** What the lock session is opened with: see {@link LeaderLock}. */
  session: LockWorkerLinkOptions['session'];
  leaseMs: number;
  node: string;
  url: () => string;
  log: Log;
  clock?: Clock;
  limits?: LockWorkerLinkOptions['limits'];
  program?: URL | undefined;
  /** A thread that gives no sign of life for so long, in milliseconds, is in an endless loop. */
  lifelessMs?: number;
}

/** From the end of a thread to the start of the next: doubles. */
const restartDelay = (failures: number) => Math.min(5000, 100 * 2 ** Math.min(failures, 6));
/** A starved machine has taken seconds to start one. */
const LIFELESS_MS = 15_000;

/**
 * The leader lock, kept by a thread of its own: 18,000 polls that arrive at once keep the main thread from its timers
 * for seconds, and the lease must not be lost for that. The lease lies in shared memory, so whether it is valid is read
 * here without asking, and is as true as in the thread itself.
 *
 * The thread is watched in both directions. It gives the lock up where the main thread gives no sign of life
 * (sign-of-life.ts); where the thread ends, its lease ends at once, and the next call starts another.
 */
export class LockThread implements LockKeeping {
  readonly #options: LockThreadOptions;
  readonly #clock: Clock;
  readonly #changes: ChangeLogger;
  readonly #life = new SignOfLife();
  #link: LockWorkerLink | null = null;
  /** Known to this thread; what it may do for it is read from the lease. */
  #term: number | null = null;
  #ticks: NodeJS.Timeout | undefined;
  #failures = 0;
  #notBefore = Number.NEGATIVE_INFINITY;
  #lastEnd = '';
  #isStopped = false;
  #looksWithoutLife = 0;
  #lastSign = 0;
  #onLost: (reason: string) => void = () => {};

  constructor(options: LockThreadOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#changes = new ChangeLogger(options.log);
  }

  /** Starts the thread, so that the first call does not wait for it. `onLost` is called with the reason when the lock was held and is lost. */
  start(onLost: (reason: string) => void): void {
    this.#onLost = onLost;
    this.#life.give();
    this.#ticks ??= setInterval(() => this.#tick(), idleIntervalMs(this.#options.leaseMs)).unref();
    try {
      this.#running();
    } catch {
      // In the log; the next call tries again.
    }
  }

  /** The main thread is at work: called for every request, beside the timer. */
  readonly signOfLife = () => this.#life.give();

  get term(): number | null {
    const held = this.#link?.lease.term ?? null;
    return held === this.#term ? held : null;
  }

  get isClaimed(): boolean {
    return this.#term !== null && this.#link?.lease.claimedTerm === this.#term;
  }

  /** LEASE_MS. */
  get lengthMs(): number {
    return this.#options.leaseMs;
  }

  /** As {@link Lease.remainingMs}; 0 on a node that holds no term. */
  get remainingMs(): number {
    return this.term === null ? 0 : (this.#link?.lease.remainingMs ?? 0);
  }

  /** As {@link Lease.worstDelayMs}. */
  get worstDelayMs(): number {
    return this.#link?.lease.worstDelayMs ?? 0;
  }

  /** A thread that cannot be started keeps a node from being a candidate, not from standing by: that is in the log. */
  async prepare(): Promise<void> {
    await this.#ask('prepare').catch((error) => {
      if (!(error instanceof LockWorkerError)) throw error;
    });
  }

  async tryAcquire(promotion: Promotion): Promise<number | null> {
    this.#term = await this.#ask('tryAcquire', promotion);
    return this.#term;
  }

  holder(): Promise<Holder | null> {
    return this.#ask('holder');
  }

  async renew(): Promise<boolean> {
    const isHeld = (await this.#link?.call('renew').catch(() => false)) ?? false;
    if (!isHeld) this.#lost('its lease could not be renewed');
    return isHeld;
  }

  async release(reason: string, handTo: string | null): Promise<void> {
    if (this.#term === null) return;
    this.#term = null;
    await this.#link?.call('release', reason, handTo).catch(() => undefined);
  }

  abandon(reason: string): void {
    this.#term = null;
    this.#link?.order('abandon', reason);
  }

  interrupt(): void {
    this.#link?.order('interrupt', 'interrupted');
  }

  async close(): Promise<void> {
    this.#term = null;
    await this.#link?.call('close').catch(() => undefined);
  }

  /** Drops the lock session and ends the thread. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    this.#term = null;
    clearInterval(this.#ticks);
    await this.#link?.end('stopped');
    this.#link = null;
  }

  async #ask<Call extends LockCall>(call: Call, ...args: ArgumentsOf<Call>): Promise<AnswerOf<Call>> {
    const link = this.#running();
    const answer = await link.call(call, ...args);
    this.#failures = 0;
    this.#changes.resolve('thread', `${THREAD} runs again`);
    return answer;
  }

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
        owner: this.#life,
        onLost: (reason) => this.#lost(reason),
        onWarning: (fields, sentence) => log.warn(fields, sentence),
        onEnd: (reason) => this.#ended(reason),
        ...(limits ? { limits } : {}),
        ...(program ? { program } : {}),
      });
      return this.#link;
    } catch (error) {
      this.#ended(messageOf(error));
      throw new LockWorkerError(this.#lastEnd);
    }
  }

  /** Looks are counted and not time: after a stop of the whole process the thread is no later than this one. */
  #tick(): void {
    this.#life.give();
    const sign = this.#link?.life.lastAt ?? 0;
    this.#looksWithoutLife = sign === this.#lastSign ? this.#looksWithoutLife + 1 : 0;
    this.#lastSign = sign;
    const { leaseMs, lifelessMs = LIFELESS_MS } = this.#options;
    const limit = lifelessMs / idleIntervalMs(leaseMs);
    if (this.#link && this.#looksWithoutLife > limit) this.#link.kill('it gave no sign of life');
  }

  #ended(reason: string): void {
    this.#link = null;
    this.#lastEnd = reason;
    this.#notBefore = this.#clock() + restartDelay(this.#failures++);
    this.#changes.report(
      'thread',
      `${THREAD} has ended, and the next try starts another: ${reason}`,
      'lock_thread_ended',
    );
    this.#lost(`${THREAD} has ended: ${reason}`);
  }

  #lost(reason: string): void {
    if (this.#term === null) return;
    this.#term = null;
    this.#onLost(reason);
  }
}
