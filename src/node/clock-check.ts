import type { Conditions } from './conditions.ts';

/** Clocks that are synchronised (NTP) differ by milliseconds. The check of a JWT's times tolerates this difference. */
const LIMIT_MS = 5000;
/** The condition ends below this difference, so that one near the limit does not begin and end with each measurement. */
const AGREE_MS = 4000;

/**
 * Records whether the clock of this node or of PostgreSQL is wrong. The leader election does not depend on it: leases are counted by
 * the monotonic clock. JWTs and the times in the log do.
 */
export function checkClock(conditions: Pick<Conditions, 'begin' | 'end'>, aheadMs: number | null): void {
  if (aheadMs === null) return;
  if (Math.abs(aheadMs) < AGREE_MS) conditions.end('clock', "this node's clock agrees with PostgreSQL's again");
  if (Math.abs(aheadMs) <= LIMIT_MS) return;
  const difference = `${Math.round(Math.abs(aheadMs) / 1000)} s ${aheadMs > 0 ? 'ahead of' : 'behind'}`;
  conditions.begin(
    'clock',
    `this node's clock is ${difference} PostgreSQL's: one of them is wrong, and JWTs depend on both. Synchronise them (NTP)`,
  );
}
