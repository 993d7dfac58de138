import { type Clock, monotonic } from '../clock.ts';
import type { Holder, LeaderLock } from './leader-lock.ts';
import { longestSilenceMs, type SignOfLife } from './sign-of-life.ts';
import type { Promotion } from './term-opening.ts';

/** What a {@link LockKeeper} is made of. */
export interface LockKeeperOptions {
  lock: LeaderLock;
  leaseMs: number;
  clock?: Clock;
  /** Of the thread that acts on the lease, where that is another one. */
  owner?: SignOfLife;
}

/** The leader lock as the rest of a node sees it: kept by a {@link LockKeeper}, in this thread or in one of its own. */
export type LockKeeping = Pick<LockKeeper, keyof LockKeeper>;

/**
 * Keeps the leader lock: once acquired, renews its lease four times a lease by itself, until it is released or lost. It
 * gives the lock up where the thread that acts on it has shown no sign of life for too long: a node in an endless loop
 * would be active for ever, and nobody could write.
 */
export class LockKeeper {
  readonly #options: LockKeeperOptions;
  readonly #lock: LeaderLock;
  readonly #clock: Clock;
  #last: Promise<unknown> = Promise.resolve();
  #timer: NodeJS.Timeout | undefined;

  constructor(options: LockKeeperOptions) {
    this.#options = options;
    this.#lock = options.lock;
    this.#clock = options.clock ?? monotonic;
  }

  /** As {@link LeaderLock.term}. */
  get term(): number | null {
    return this.#lock.term;
  }

  /** As {@link LeaderLock.isClaimed}. */
  get isClaimed(): boolean {
    return this.#lock.isClaimed;
  }

  /** As {@link LeaderLock.prepare}. */
  prepare(): Promise<void> {
    return this.#inTurn(() => this.#lock.prepare());
  }

  /** As {@link LeaderLock.tryAcquire}; the lease is renewed from then on. */
  tryAcquire(promotion: Promotion): Promise<number | null> {
    return this.#inTurn(async () => {
      const startedAt = this.#clock();
      const term = await this.#lock.tryAcquire(() => promotion);
      if (term !== null) this.#renewLater(startedAt);
      return term;
    });
  }

  /** As {@link LeaderLock.holder}. */
  holder(): Promise<Holder | null> {
    return this.#inTurn(() => this.#lock.holder());
  }

  /** Renews the lease now instead of when it is due. False where it is lost. */
  renew(): Promise<boolean> {
    return this.#inTurn(() => this.#renew(this.#clock()));
  }

  /** As {@link LeaderLock.release}: the lease ends at once, behind whatever is under way comes the rest. */
  release(reason: string, handTo: string | null): Promise<void> {
    clearTimeout(this.#timer);
    const released = this.#lock.release(reason, handTo);
    this.#last = Promise.allSettled([this.#last, released]);
    return released;
  }

  /** As {@link LeaderLock.abandon}. */
  abandon(reason: string): void {
    clearTimeout(this.#timer);
    this.#lock.abandon(reason);
  }

  /** As {@link LeaderLock.interrupt}. */
  interrupt(): void {
    this.#lock.interrupt();
  }

  /** As {@link LeaderLock.close}. */
  close(): Promise<void> {
    clearTimeout(this.#timer);
    return this.#inTurn(() => this.#lock.close());
  }

  /** Runs `work` after whatever was begun before it. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#last.then(work);
    this.#last = done.catch(() => {});
    return done;
  }

  #renewLater(startedAt: number): void {
    clearTimeout(this.#timer);
    const dueAt = startedAt + this.#options.leaseMs / 4;
    const renew = () => void this.#inTurn(() => this.#renew(dueAt));
    this.#timer = setTimeout(renew, Math.max(0, dueAt - this.#clock()));
  }

  async #renew(dueAt: number): Promise<boolean> {
    if (!this.#lock.isClaimed) return false;
    const { owner, leaseMs } = this.#options;
    const silentMs = owner?.ageMs ?? 0;
    if (silentMs > longestSilenceMs(leaseMs)) {
      return this.#lock.lose(`the node's main thread has stood still for ${(silentMs / 1000).toFixed(1)} s`);
    }
    const startedAt = this.#clock();
    const isHeld = await this.#lock.renew(dueAt);
    if (isHeld) this.#renewLater(startedAt);
    return isHeld;
  }
}
