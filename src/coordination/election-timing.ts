/** The state that determines the time until the next attempt; times are in milliseconds. */
export interface ElectionState {
  role: 'active' | 'standby' | 'fallen';
  leaseMs: number;
  /** Time since the last sign that the lock may be free (a resignation, a closed connection); null if there was none. */
  sinceSignMs: number | null;
  /** Time since a peer was last seen active; 0 while one is. */
  leaderlessMs: number;
  /** Consecutive attempts that could not query the database, and the time since the first of them. */
  failures: number;
  failingMs: number;
}

/**
 * The idle interval, in milliseconds: an eighth of the lease, but at least 40 and at most 250. An attempt costs PostgreSQL about
 * 0.05 ms.
 */
export const idleIntervalMs = (leaseMs: number) => Math.min(250, Math.max(40, leaseMs / 8));

/** How long the node that was named as successor tries alone, in milliseconds; then the other nodes try for as long. */
export const headStartMs = (leaseMs: number) => Math.min(500, leaseMs / 4);

/** A restart of PostgreSQL takes less. In a longer outage, twenty attempts a second would gain nothing. */
const RESTART_MS = 30_000;

/**
 * Returns the milliseconds from one tick of the run loop to the next, before jitter.
 *
 * An active or fallen node ticks at the idle interval, for the work beside the lock (housekeeping.ts): the lock thread renews the
 * lease. A standby tries to take the lock
 *
 * - at the idle interval while a node is active;
 * - after a sign that the lock may be free, every 5 ms for 100 ms, then every 20 ms until half a second has passed: a killed
 *   holder's lock is freed about 5 ms later;
 * - every 50 ms while no node is seen active, for three leases, since a frozen holder loses the lock within one; then at the idle
 *   interval again, because a foreign session may hold the lock for days;
 * - after 20, 40, 50, 50 ms if the database does not respond: a refused connection costs nothing, and this node should notice a
 *   restarted PostgreSQL at once.
 */
export function nextTickMs(state: ElectionState): number {
  const { role, leaseMs, sinceSignMs, leaderlessMs, failures, failingMs } = state;
  const idle = idleIntervalMs(leaseMs);
  if (role !== 'standby') return idle;
  if (failures > 0) return Math.min(idle, failingMs < RESTART_MS ? 50 : idle, 10 * 2 ** Math.min(failures, 5));
  if (sinceSignMs !== null && sinceSignMs < 100) return 5;
  if (sinceSignMs !== null && sinceSignMs < 500) return 20;
  return leaderlessMs > 0 && leaderlessMs < 3 * leaseMs ? Math.min(50, idle) : idle;
}
