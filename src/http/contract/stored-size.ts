/**
 * Returns true if PostgreSQL would write `value` as more than `limit` bytes of text, because jsonb writes numbers with all their
 * digits: 1e308 has 309. Its own check takes a second for 64 KiB of such numbers, with the event log locked.
 */
export function isStoredBeyond(limit: number, value: unknown): boolean {
  return Buffer.byteLength(JSON.stringify(value)) + missingDigits(value) > limit;
}

/** Returns how many digits JSON leaves out of the numbers in `value`, never too many. The depth of a body is bounded. */
function missingDigits(value: unknown): number {
  if (typeof value === 'number') {
    const text = String(value);
    return Math.max(0, Math.abs(Number(/e(.*)/.exec(text)?.[1] ?? 0)) - text.length);
  }
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, one) => sum + missingDigits(one), 0);
}
