/** What the pace of the next step depends on; times in milliseconds. */
export interface ElectionState {
  role: 'active' | 'standby' | 'fallen';
  leaseMs: number;
  /** Since the last sign that the lock may be free (a resignation, a closed connection); null when there was none. */
  sinceSignMs: number | null;
  /** For how long no peer has been seen active; 0 while one is. */
  leaderlessMs: number;
  /** How many attempts in a row could not even ask the database, and for how long that has been so. */
  failures: number;
  failingMs: number;
}

/** The calm rhythm: an eighth of the lease, at most four times a second. A try costs PostgreSQL some 0.05 ms. */
export const idleIntervalMs = (leaseMs: number) => Math.min(250, Math.max(40, leaseMs / 8));

/** A restart of PostgreSQL is over within this; what takes longer is not helped by ten questions a second. */
const RESTART_MS = 30_000;

/**
 * Milliseconds from one step of the SyncManager to the next, before jitter.
 *
 * An active heartbeats four times a lease. A standby tries calmly while somebody is active; every 5, then 20 ms for half
 * a second after a sign that the lock may be free (a killed holder's lock is freed about 5 ms later); every 50 ms while
 * nobody is seen active, for three leases: a frozen holder loses the lock within one. Then calmly again: it may be a
 * stranger who holds the lock, for days. Where the database does not answer, it tries after 20, 40, 80, 100 ms: a refused
 * connection costs nothing, and a PostgreSQL that was restarted should not wait for us.
 */
export function nextTickMs(situation: ElectionState): number {
  const { role, leaseMs, sinceSignMs, leaderlessMs, failures, failingMs } = situation;
  const calm = idleIntervalMs(leaseMs);
  if (role === 'active') return leaseMs / 4;
  if (role === 'fallen') return calm;
  if (failures > 0) return Math.min(calm, failingMs < RESTART_MS ? 100 : calm, 10 * 2 ** Math.min(failures, 5));
  if (sinceSignMs !== null && sinceSignMs < 100) return 5;
  if (sinceSignMs !== null && sinceSignMs < 500) return 20;
  return leaderlessMs > 0 && leaderlessMs < 3 * leaseMs ? Math.min(50, calm) : calm;
}

/** `delayMs` give or take a fifth, so that nodes which began in step do not stay in step. */
export const jittered = (delayMs: number, random: () => number = Math.random) => delayMs * (0.8 + 0.4 * random());
