/** Returns a function that computes the value at its first call, and returns the same one from then on. */
export function lazy<T>(compute: () => T): () => T {
  let kept: { value: T } | null = null;
  return () => {
    kept ??= { value: compute() };
    return kept.value;
  };
}
