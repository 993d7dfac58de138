import type { LogEvent } from '../log-event.ts';

/**
 * Maximum number of comparisons of an event with a waiter in one turn of the event loop, which then takes a tenth of a second. 500
 * events in a group in which 10,000 members wait would otherwise take seconds, and an active node that is blocked for that long loses
 * its role.
 */
const MAX_COMPARISONS = 200_000;

/**
 * Divides events into parts that need at most {@link MAX_COMPARISONS}, with at least one event in each. Without events there is one
 * empty part. `comparisons` returns how many waiters an event is compared with.
 */
export function inParts(events: readonly LogEvent[], comparisons: (event: LogEvent) => number): LogEvent[][] {
  let [part, sum]: [LogEvent[], number] = [[], 0];
  const parts = [part];
  for (const event of events) {
    const more = comparisons(event);
    if (part.length > 0 && sum + more > MAX_COMPARISONS) {
      [part, sum] = [[], 0];
      parts.push(part);
    }
    part.push(event);
    sum += more;
  }
  return parts;
}
