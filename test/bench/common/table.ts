import { alignColumns } from '../../../src/terminal/text-table.ts';

/** Formats rows as columns: the first is aligned left, the others right. */
export function ruledTable(header: readonly string[], rows: readonly (readonly string[])[]): string {
  const widths = header.map((_, column) =>
    Math.max(...[header, ...rows].map((row) => [...(row[column] ?? '')].length)),
  );
  const rule = widths.map((width) => '─'.repeat(width));
  const right = [...header.keys()].slice(1);
  return alignColumns([header, rule, ...rows], right);
}

/** Formats a number with three significant digits and thousands separators. */
export function shown(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const digits = Math.abs(value) >= 100 ? 0 : Math.abs(value) >= 10 ? 1 : 2;
  return value.toLocaleString('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
}
