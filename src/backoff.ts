/** The first delay. Short: PostgreSQL's failover or restart may be over by then. */
const FIRST_MS = 10;

/**
 * Returns the delay before the retry after failed attempt number `attempt` (0, 1, …), in milliseconds: `firstMs` doubling up to
 * `maxMs`, with jitter so that nodes do not retry in step.
 */
export function backoffDelay(attempt: number, maxMs: number, firstMs = FIRST_MS): number {
  return Math.min(maxMs, firstMs * 2 ** Math.min(attempt, 20)) * (0.5 + Math.random() / 2);
}
