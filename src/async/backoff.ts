/** The first delay. Short: the attempt may have failed in the last moment of a failover or restart of PostgreSQL. */
const FIRST_MS = 10;

/**
 * Returns the delay before the retry after failed attempt number `attempt` (0, 1, …), in milliseconds: `firstMs` doubling up to
 * `maxMs`, with up to half of it subtracted at random, so that nodes and clients do not retry in step. `random` returns numbers
 * in [0, 1).
 */
export function backoffDelay(attempt: number, maxMs: number, firstMs = FIRST_MS, random = Math.random): number {
  // 2 ** 30 exceeds any maximum; a larger power could overflow to Infinity.
  const full = Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 30));
  return full / 2 + (random() * full) / 2;
}

/** Returns `ms` plus or minus `share` of it at random, so that what began together does not stay in step. */
export function jittered(ms: number, share = 0.1): number {
  return Math.round(ms * (1 - share + 2 * share * Math.random()));
}
