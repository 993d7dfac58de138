import { backoffDelay } from '../../async/backoff.ts';

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

/** Returns the {@link backoffDelay} after the `failures`-th consecutive failure (1 upwards). */
export function backoff(failures: number, { firstMs, capMs }: BackoffBounds, random: () => number): number {
  return backoffDelay(failures - 1, capMs, firstMs, random);
}
