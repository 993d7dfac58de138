/** Returns the value that `share` (0 to 1) of `sorted` (ascending) do not exceed; NaN for an empty list. */
export function quantile(sorted: ArrayLike<number>, share: number): number {
  const at = Math.min(sorted.length - 1, Math.max(0, Math.ceil(share * sorted.length) - 1));
  return sorted[at] ?? Number.NaN;
}

/** Returns the median; NaN for an empty list. */
export function median(values: readonly number[]): number {
  const sorted = [...values].sort((one, other) => one - other);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? Number.NaN) + (sorted[Math.floor(middle)] ?? Number.NaN)) / 2;
}

/** Returns the minimum and the maximum. */
export function range(values: readonly number[]): { min: number; max: number } {
  return { min: Math.min(...values), max: Math.max(...values) };
}

/** Percentiles of a set of times, in the unit of the times. */
export interface Latency {
  p50: number;
  p95: number;
  p99: number;
  max: number;
}

/** Returns the percentiles of times. Sorts the array in place. */
export function latencyOf(times: Float64Array): Latency {
  times.sort();
  return {
    p50: quantile(times, 0.5),
    p95: quantile(times, 0.95),
    p99: quantile(times, 0.99),
    max: quantile(times, 1),
  };
}
