/** Returns a duration as people say it: 87 ms, 4.2 s, 12 min, 5.1 h, 3.4 days. */
export function durationText(ms: number): string {
  const size = Math.abs(ms);
  if (size < 1000) return `${Math.round(ms)} ms`;
  if (size < 120_000) return `${(ms / 1000).toFixed(1)} s`;
  if (size < 2 * 3_600_000) return `${Math.round(ms / 60_000)} min`;
  if (size < 48 * 3_600_000) return `${(ms / 3_600_000).toFixed(1)} h`;
  return `${(ms / 86_400_000).toFixed(1)} days`;
}
