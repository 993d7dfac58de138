import { type CheckResult, type FaultGap, VIOLATIONS } from '../../src/prove/checker/check-result.ts';
import { alignColumns } from '../../src/terminal/text-table.ts';
import type { Progress } from './chaos.ts';

const clock = (ms: number) => `${Math.floor(ms / 60_000)}:${String(Math.floor(ms / 1000) % 60).padStart(2, '0')}`;
const milliseconds = (ms: number) => (ms === Number.POSITIVE_INFINITY ? 'no recovery' : `${Math.round(ms)} ms`);

/** Formats the progress of a run as one line. */
export function progressLine({ phase, leftMs, posts, acknowledged, faults, term }: Progress): string {
  const left = phase === 'faults' ? `${clock(leftMs)} left` : phase;
  return `${left} · ${posts} posts · ${acknowledged} acknowledged · ${faults} faults · term ${term}`;
}

/** The name of the row for faults that overlapped another fault. */
const OVERLAPPING = 'two at once';

/** Formats one line per kind of fault: its count, and the gaps in which no write was accepted. */
function faultTable(gaps: readonly FaultGap[]): string {
  const kinds = new Map<string, FaultGap[]>();
  for (const gap of gaps) {
    const kind = gap.alone ? gap.kind : OVERLAPPING;
    kinds.set(kind, [...(kinds.get(kind) ?? []), gap]);
  }
  const rows = [...kinds].sort(([a], [b]) => a.localeCompare(b)).map(([kind, some]) => faultRow(kind, some));
  return alignColumns([['fault', 'times', 'gap, median', 'gap, worst', 'after healing, worst'], ...rows], [1, 2, 3, 4]);
}

function faultRow(kind: string, gaps: FaultGap[]): string[] {
  const endless = Number.POSITIVE_INFINITY;
  const sorted = gaps.map(({ gap }) => gap ?? endless).sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? endless;
  const recovery = Math.max(...gaps.map((one) => one.recovery ?? endless));
  return [kind, String(gaps.length), ...[median, sorted.at(-1) ?? endless, recovery].map(milliseconds)];
}

/** Formats the result of a run: counts, faults, and every violation as a sentence. */
export function summary({ valid, violations, totals, counts, gaps }: CheckResult): string {
  const { posts, acknowledged, refused, unknown, messages, readers, deliveries, faults, terms, lost } = counts;
  const written = `${posts} posts: ${acknowledged} acknowledged, ${refused} refused, ${unknown} unknown; ${messages} messages`;
  const read = `${readers} readers received ${deliveries} messages; ${faults} faults, ${terms} terms`;
  const cursors = `${counts.refusedCursors} cursors refused`;
  const losses = `${lost} acknowledged messages lost with the end of a PostgreSQL server, as its epochs report; ${cursors}`;
  const lines = [written, read, ...(lost + counts.refusedCursors > 0 ? [losses] : []), '', faultTable(gaps), ''];
  if (valid) return [...lines, 'no violation'].join('\n');
  for (const [kind, total] of Object.entries(totals)) {
    lines.push(`${kind}: ${total} (${VIOLATIONS[kind as keyof typeof VIOLATIONS]})`);
    lines.push(...violations.filter((one) => one.kind === kind).map(({ sentence }) => `  - ${sentence}`));
  }
  return lines.join('\n');
}
