import type { Clock } from '../../async/clock.ts';
import type { DatabaseSession } from '../../database/session/database-session.ts';
import type { Log } from '../../log/log.ts';
import type { EndCause } from '../end-cause.ts';
import type { Lease } from './lease.ts';
import type { LivenessStamp } from './liveness-stamp.ts';

/** Options of a LeaderLock. */
export interface LeaderLockOptions {
  /**
   * Opens the lock session, in PostgreSQL itself and not through a transaction pooler, with the lease as its
   * idle_session_timeout. `signal` cancels the opening.
   */
  open(signal: AbortSignal): Promise<DatabaseSession>;
  leaseMs: number;
  node: string;
  url: () => string;
  log: Pick<Log, 'warn'>;
  /** Called when a session that held the lock is lost. */
  onLost(reason: string, cause: EndCause): void;
  clock?: Clock;
  /** Starts the timer of a heartbeat; default: setTimeout. */
  schedule?(renew: () => void, delayMs: number): NodeJS.Timeout | undefined;
  /** The lease that the lock updates, and that other threads read; default: a lease of its own. */
  lease?: Lease;
  /** The liveness stamp of the main thread, if another thread keeps the lock. */
  mainThread?: LivenessStamp;
}
