import { longestGap } from '../../src/prove/checker/gaps.ts';
import { alignColumns } from '../../src/terminal/text-table.ts';
import type { ReplicationResult } from './replication-run.ts';

interface Row {
  gap: number;
  bare: number;
  after: number;
}

const NEVER = Number.POSITIVE_INFINITY;

/**
 * Formats one line per kind of fault: how long no post was accepted, how long a bare client in a loop could not commit, and how
 * long after that client's first commit the first post was accepted.
 */
export function gapTable({ gaps, bareCommits }: ReplicationResult): string {
  const kinds = new Map<string, Row[]>();
  for (const { kind, began, healed, gap, lastGood, firstGood } of gaps) {
    const bare = longestGap(bareCommits, began, healed ?? began);
    // Comparable only if the bare client came back within the service's gap.
    const isWithin = (bare.firstGood ?? 0) > (lastGood ?? 0) && (bare.firstGood ?? NEVER) <= (firstGood ?? NEVER);
    const after = isWithin ? (firstGood ?? NEVER) - (bare.firstGood ?? 0) : 0;
    kinds.set(kind, [...(kinds.get(kind) ?? []), { gap: gap ?? NEVER, bare: bare.gap ?? NEVER, after }]);
  }
  const rows = [...kinds].map(([kind, some]) => [
    kind,
    String(some.length),
    medianAndWorst(some.map(({ gap }) => gap)),
    medianAndWorst(some.map(({ bare }) => bare)),
    medianAndWorst(some.map(({ after }) => after)),
  ]);
  return alignColumns(
    [['ms, median / worst', 'times', 'no post accepted', 'bare client', 'post after bare client'], ...rows],
    [1, 2, 3, 4],
  );
}

function medianAndWorst(values: number[]): string {
  const sorted = [...values].sort((a, b) => a - b);
  const median = sorted[Math.floor((sorted.length - 1) / 2)] ?? NEVER;
  return [median, sorted.at(-1) ?? NEVER].map((ms) => String(Math.round(ms))).join(' / ');
}
