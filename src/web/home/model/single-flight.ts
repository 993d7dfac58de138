/**
 * Wraps a task so that runs never overlap and an older result never follows a newer one. All calls during a run share the
 * next run, so each caller gets a result that is at least as recent as its call.
 */
export function singleFlight<Result>(task: () => Promise<Result>): () => Promise<Result> {
  let last: Promise<unknown> = Promise.resolve();
  let next: Promise<Result> | undefined;
  const run = () => {
    next = undefined;
    return task();
  };
  return () => {
    next ??= last.then(run, run);
    last = next;
    return next;
  };
}
