/** Bounds of the delay between attempts, in milliseconds. */
export interface BackoffBounds {
  firstMs: number;
  capMs: number;
}

/**
 * 50 ms: a failover after kill -9 takes well under a second, so the first attempts come quickly. 2 s: in a long outage each
 * client sends one request every two seconds, which costs a node almost nothing.
 */
export const defaultBackoff: BackoffBounds = { firstMs: 50, capMs: 2000 };

/**
 * Returns the delay in milliseconds after the `failures`-th consecutive failure (1 upwards): exponential up to the cap, with
 * up to half of it subtracted at random, so that the clients of a dead node do not return at the same moment. `random`
 * returns numbers in [0, 1).
 */
export function backoff(failures: number, bounds: BackoffBounds, random: () => number): number {
  // 2 ** 30 exceeds any cap; a larger power could overflow to Infinity.
  const full = Math.min(bounds.capMs, bounds.firstMs * 2 ** Math.min(failures - 1, 30));
  return full / 2 + random() * (full / 2);
}
