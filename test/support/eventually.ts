import { setTimeout as sleep } from 'node:timers/promises';
import { inspect } from 'node:util';

/** Limits of {@link eventually}, in milliseconds. */
export interface Patience {
  /** Default 5000. */
  within?: number;
  /** The longest time between two checks; default 20. It begins with 1 ms and doubles, as most conditions are met at once. */
  every?: number;
}

/**
 * Repeats `check` until it returns something truthy, and resolves with that; an error counts as "not yet".
 *
 * @throws Error `"<what>" did not happen within … ms` with the last value or error, once the time is over
 */
export async function eventually<T>(
  what: string,
  check: () => T | Promise<T>,
  { within = 5000, every = 20 }: Patience = {},
): Promise<Exclude<T, undefined | null | false | 0 | ''>> {
  const deadline = performance.now() + within;
  for (let pause = 1; ; pause *= 2) {
    const outcome = await attempt(check, Math.max(deadline - performance.now(), every));
    if ('value' in outcome && outcome.value) return outcome.value as Exclude<T, undefined | null | false | 0 | ''>;
    if (performance.now() >= deadline) {
      const last =
        'value' in outcome ? `the last value was ${inspect(outcome.value, { depth: 4 })}` : String(outcome.error);
      const cause = 'error' in outcome ? { cause: outcome.error } : undefined;
      throw new Error(`"${what}" did not happen within ${within} ms: ${last}`, cause);
    }
    await sleep(Math.min(pause, every));
  }
}

/** Runs one check with a deadline, so that a check that hangs cannot hide the message. */
async function attempt<T>(check: () => T | Promise<T>, limit: number): Promise<{ value: T } | { error: unknown }> {
  const over = new AbortController();
  const late = sleep(limit, { error: new Error('the check did not come back') }, { signal: over.signal });
  late.catch(() => undefined);
  try {
    return await Promise.race([Promise.resolve(check()).then((value) => ({ value })), late]);
  } catch (error) {
    return { error };
  } finally {
    over.abort();
  }
}
