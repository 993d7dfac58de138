/** The first delay. Short: PostgreSQL's failover or restart may be over by then. */
const FIRST_MS = 10;

/**
 * Returns the delay before the retry after failed attempt number `attempt` (0, 1, …), in milliseconds: `firstMs` doubling up to
 * `maxMs`, with jitter so that nodes do not retry in step.
 */
export function backoffDelay(attempt: number, maxMs: number, firstMs = FIRST_MS): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 20)) * (0.5 + Math.random() / 2);
}

/** Returns `ms` plus or minus `share` of it at random, so that what began together does not stay in step. */
export function jittered(ms: number, share = 0.1): number {
  return Math.round(ms * (1 - share + 2 * share * Math.random()));
}
