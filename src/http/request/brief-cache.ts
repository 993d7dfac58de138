/**
 * Makes one answer for all who ask within `ms` of its making, and for all who ask while it is made; a failure is for those
 * who waited for it and nobody else.
 */
export function briefCache<T>(
  ms: number,
  make: () => Promise<T>,
  clock: () => number = () => performance.now(),
): () => Promise<T> {
  let current: { answer: Promise<T>; until: number } | null = null;
  return () => {
    if (current && clock() < current.until) return current.answer;
    const mine = { answer: make(), until: Number.POSITIVE_INFINITY };
    current = mine;
    mine.answer.then(
      () => {
        mine.until = clock() + ms;
      },
      () => {
        mine.until = 0;
      },
    );
    return mine.answer;
  };
}
