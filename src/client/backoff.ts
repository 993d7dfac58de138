/** Bounds of the wait between tries, in milliseconds. */
export interface BackoffBounds {
  firstMs: number;
  capMs: number;
}

/**
 * 50 ms: a failover after kill -9 takes well under a second, so early tries are dense. 2 s: a long outage costs a node
 * one request every two seconds and client, which is next to nothing.
 */
export const defaultBackoff: BackoffBounds = { firstMs: 50, capMs: 2000 };

/**
 * Milliseconds to wait after the `failures`-th failure in a row (1 upwards): doubles up to the cap, and a random half of
 * it is taken off so that the clients of a dead node do not return in step. `random` gives numbers in [0, 1).
 */
export function backoff(failures: number, bounds: BackoffBounds, random: () => number): number {
  // 2 ** 30 is past any cap; a larger power would lose the product to Infinity.
  const full = Math.min(bounds.capMs, bounds.firstMs * 2 ** Math.min(failures - 1, 30));
  return full / 2 + random() * (full / 2);
}
