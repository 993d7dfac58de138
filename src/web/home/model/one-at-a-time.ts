/**
 * Makes a task run one at a time, so that an older answer never comes after a newer one. Whoever asks while it runs shares
 * the run after it, with all who ask until that begins: what was true when they asked is in its answer.
 */
export function oneAtATime<Answer>(task: () => Promise<Answer>): () => Promise<Answer> {
  let last: Promise<unknown> = Promise.resolve();
  let waiting: Promise<Answer> | undefined;
  const begin = () => {
    waiting = undefined;
    return task();
  };
  return () => {
    waiting ??= last.then(begin, begin);
    last = waiting;
    return waiting;
  };
}
