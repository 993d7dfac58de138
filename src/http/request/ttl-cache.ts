import { type Clock, threadClock } from '../../async/clock.ts';

/**
 * Returns a function that reads a value and caches it for `ms`. Calls during a read share it. A failure is not cached: only
 * the calls that shared the read get it.
 */
export function ttlCache<T>(ms: number, read: () => Promise<T>, clock: Clock = threadClock): () => Promise<T> {
  let current: { result: Promise<T>; until: number } | null = null;
  return () => {
    if (current && clock() < current.until) return current.result;
    const entry = { result: read(), until: Number.POSITIVE_INFINITY };
    current = entry;
    entry.result.then(
      () => {
        entry.until = clock() + ms;
      },
      () => {
        entry.until = 0;
      },
    );
    return entry.result;
  };
}
