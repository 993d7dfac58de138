import { onAbort } from './on-abort.ts';

/** The work exceeded its time limit. */
class DeadlineError extends Error {
  override name = 'DeadlineError';
}

/**
 * Runs `work` with a signal that aborts after `ms` (with a DeadlineError) or with the outer signal. Not
 * AbortSignal.any: Node.js 20 keeps each of its signals alive as long as the outer one, which for a stream is forever.
 */
export async function withDeadline<T>(
  ms: number,
  outer: AbortSignal | undefined,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const controller = new AbortController();
  const onOuterAbort = () => controller.abort(outer?.reason);
  const timer = setTimeout(
    () => controller.abort(new DeadlineError(`did not respond within ${Math.round(ms)} ms`)),
    ms,
  );
  const unlisten = onAbort(outer, onOuterAbort);
  try {
    return await work(controller.signal);
  } finally {
    clearTimeout(timer);
    unlisten();
  }
}
