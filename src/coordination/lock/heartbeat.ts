import type { Clock } from '../../async/clock.ts';
import type { SerialQueue } from '../../async/serial-queue.ts';
import { SqlState, sqlState } from '../../database/errors.ts';
import type { DatabaseSession } from '../../database/session/database-session.ts';
import { errorMessage } from '../../error-message.ts';
import { causeOfLoss, type EndCause } from '../end-cause.ts';
import type { LeaderLockOptions } from './leader-lock-options.ts';
import type { Lease } from './lease.ts';
import { maxSilenceMs } from './liveness-stamp.ts';
import { type HeartbeatReply, heartbeatQuery } from './lock-statements.ts';

/** Options of {@link Heartbeat}. */
export interface HeartbeatOptions extends Pick<LeaderLockOptions, 'leaseMs' | 'schedule' | 'mainThread'> {
  lease: Lease;
  clock: Clock;
  /** The statements of the lock session. */
  queue: SerialQueue;
  /** Returns the lock session. */
  session: () => DatabaseSession | null;
  /** Gives the lock up; called when a heartbeat shows that it is lost. */
  lose(reason: string, cause: EndCause): void;
}

/**
 * Renews the lease of a held lock four times per lease, from {@link start} to {@link stop}. It gives the lock up if the thread that
 * acts on the lease has shown no sign of life for too long: a node in an endless loop would otherwise stay active forever, and no
 * write would succeed.
 */
export class Heartbeat {
  readonly #options: HeartbeatOptions;
  #timer: NodeJS.Timeout | undefined;

  constructor(options: HeartbeatOptions) {
    this.#options = options;
  }

  /** Schedules the next heartbeat of a lease that began, or was last renewed, at `startedAt`. */
  start(startedAt: number): void {
    clearTimeout(this.#timer);
    const { clock, leaseMs, schedule = setTimeout } = this.#options;
    const dueAt = startedAt + leaseMs / 4;
    this.#timer = schedule(() => void this.#send(dueAt), Math.max(0, dueAt - clock()));
  }

  stop(): void {
    clearTimeout(this.#timer);
  }

  /** Sends a heartbeat now instead of when it is due. Returns false if the lock is lost. */
  sendNow(): Promise<boolean> {
    return this.#send(this.#options.clock());
  }

  #send(dueAt: number): Promise<boolean> {
    return this.#options.queue.run(() => this.#renew(dueAt));
  }

  /**
   * Checks in PostgreSQL that this very session holds the lock and that its term is the open one. Gives the lock up and
   * returns false if not, or if no reply came within a lease. A reply that comes after the lease has expired renews it: the
   * session existed all the time, so no other can have held the lock.
   */
  async #renew(dueAt: number): Promise<boolean> {
    const { lease, clock, session: currentSession } = this.#options;
    const [session, term] = [currentSession(), lease.heldTerm];
    if (term === null) return false;
    if (session === null) return this.#lose('it has no session', 'connection_lost');
    if (this.#loseIfMainThreadIsSilent()) return false;
    const startedAt = clock();
    try {
      const reply = await this.#askWhetherHeld(session, term);
      // The lock was released or abandoned in the meantime, so the reply is out of date.
      if (currentSession() !== session || lease.heldTerm !== term) return false;
      if (reply?.readOnly) return this.#lose(reply.readOnly, 'read_only');
      if (!reply?.held) {
        return this.#lose('its session no longer holds the lock, or its term was closed', 'lock_released');
      }
    } catch (error) {
      return currentSession() === session ? this.#lose(errorMessage(error), causeOfLoss(error)) : false;
    }
    lease.renew(startedAt, clock() - dueAt);
    this.start(startedAt);
    return true;
  }

  #loseIfMainThreadIsSilent(): boolean {
    const { mainThread, leaseMs } = this.#options;
    const silentMs = mainThread?.ageMs ?? 0;
    if (silentMs <= maxSilenceMs(leaseMs)) return false;
    this.#lose(`the node's main thread has been blocked for ${(silentMs / 1000).toFixed(1)} s`, 'node_stalled');
    return true;
  }

  /** Sends a heartbeat. Repeats one that a DBA has cancelled (pg_cancel_backend), since its session still holds the lock. */
  async #askWhetherHeld(session: DatabaseSession, term: number): Promise<HeartbeatReply | undefined> {
    const { clock, leaseMs } = this.#options;
    const lateAt = clock() + leaseMs;
    for (let limitMs = leaseMs; ; limitMs = lateAt - clock()) {
      try {
        const [reply] = await session.query<HeartbeatReply>(heartbeatQuery(term, leaseMs), limitMs);
        return reply;
      } catch (error) {
        // Late in the lease the cause was the statement's own timeout, and a repeated heartbeat would have no time left.
        const isLate = clock() > lateAt - leaseMs / 4;
        if (sqlState(error) !== SqlState.QUERY_CANCELED || isLate) throw error;
      }
    }
  }

  #lose(reason: string, cause: EndCause): false {
    this.#options.lose(reason, cause);
    return false;
  }
}
