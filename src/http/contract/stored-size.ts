/**
 * Returns true if PostgreSQL would write `value` as more than `limit` bytes of text. jsonb writes numbers with all their digits:
 * 1e308 has 309. PostgreSQL's own check takes a second for 64 KiB of such numbers and keeps the event log locked for that time.
 */
export function isStoredBeyond(limit: number, value: unknown): boolean {
  return Buffer.byteLength(JSON.stringify(value)) + missingDigits(value) > limit;
}

/** Returns how many digits JSON leaves out of the numbers in `value`, or fewer. The recursion ends: the depth of a body is bounded. */
function missingDigits(value: unknown): number {
  if (typeof value === 'number') {
    const text = String(value);
    return Math.max(0, Math.abs(Number(/e(.*)/.exec(text)?.[1] ?? 0)) - text.length);
  }
  if (typeof value !== 'object' || value === null) return 0;
  return Object.values(value).reduce<number>((sum, one) => sum + missingDigits(one), 0);
}
