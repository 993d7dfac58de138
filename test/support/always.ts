import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Checks for `forMs` milliseconds, every `every` (default 20), that `check` stays truthy.
 *
 * @throws Error `"<what>" was true for … ms only` as soon as it returns something falsy; the error of `check`
 */
export async function always(
  what: string,
  check: () => unknown,
  { forMs, every = 20 }: { forMs: number; every?: number },
): Promise<void> {
  const startedAt = performance.now();
  // The last check comes after that time, so there are two at least, however late a busy machine wakes this process.
  for (;;) {
    const passedMs = performance.now() - startedAt;
    if (!(await check())) throw new Error(`"${what}" was true for ${Math.round(passedMs)} ms only`);
    if (passedMs >= forMs) return;
    await sleep(every);
  }
}
