import type { Progress } from './campaign.ts';
import { type FaultGap, type Verdict, VIOLATIONS } from './verdict.ts';

const clock = (ms: number) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;
const milliseconds = (ms: number) => (ms === Number.POSITIVE_INFINITY ? 'endless' : `${Math.round(ms)} ms`);

/** How a run stands, on one line. */
export function progressLine({ phase, leftMs, posts, acknowledged, faults, term }: Progress): string {
  const left = phase === 'faults' ? `${clock(leftMs)} left` : phase;
  return `${left} · ${posts} posts · ${acknowledged} acknowledged · ${faults} faults · term ${term}`;
}

/** The row of all faults that were under way together with another. */
const TWO = 'two at once';

/** One line for each kind of fault: how often, and the gaps in which no write was accepted. */
export function faultTable(gaps: readonly FaultGap[]): string {
  const kinds = new Map<string, FaultGap[]>();
  for (const gap of gaps) {
    const kind = gap.alone ? gap.kind : TWO;
    kinds.set(kind, [...(kinds.get(kind) ?? []), gap]);
  }
  const rows = [...kinds].sort(([a], [b]) => a.localeCompare(b)).map(([kind, some]) => faultRow(kind, some));
  return table([['fault', 'times', 'gap, median', 'gap, worst', 'after healing, worst'], ...rows]);
}

function faultRow(kind: string, gaps: FaultGap[]): string[] {
  const endless = Number.POSITIVE_INFINITY;
  const sorted = gaps.map(({ gap }) => gap ?? endless).sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? endless;
  const recovery = Math.max(...gaps.map((one) => one.recovery ?? endless));
  return [kind, String(gaps.length), ...[median, sorted.at(-1) ?? endless, recovery].map(milliseconds)];
}

function table(rows: string[][]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: string[]) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  ');
  return rows.map(line).join('\n');
}

/** The whole outcome for a person: counts, faults, every violation in a sentence. */
export function summary({ valid, violations, totals, counts, gaps }: Verdict): string {
  const { posts, acknowledged, refused, unknown, messages, readers, sightings, faults, terms } = counts;
  const done = `${posts} posts: ${acknowledged} acknowledged, ${refused} refused, ${unknown} unknown; ${messages} messages`;
  const read = `${readers} readers got ${sightings} messages; ${faults} faults, ${terms} terms`;
  const lines = [done, read, '', faultTable(gaps), ''];
  if (valid) return [...lines, 'no violation'].join('\n');
  for (const [kind, total] of Object.entries(totals)) {
    lines.push(`${kind}: ${total} (${VIOLATIONS[kind as keyof typeof VIOLATIONS]})`);
    lines.push(...violations.filter((one) => one.kind === kind).map(({ sentence }) => `  - ${sentence}`));
  }
  return lines.join('\n');
}
