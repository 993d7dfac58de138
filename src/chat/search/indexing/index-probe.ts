import type { Transaction } from 'sequelize';
import { query } from '../../../database/query.ts';
import type { Candidate } from '../candidates.ts';

/**
 * The maximum number of rows that one statement returns for all groups together, unless each group would then have fewer than the minimum.
 * A search for a common word needs only a few rows of each group.
 */
const MAX_ROWS = 512;
const MIN_ROWS_PER_GROUP = 4;

interface ProbedRow {
  number: number;
  after_id: number;
  ends: number[];
  mask: number;
}

/** Number of hashes that are compared before the others: few chunks without a match have all of them. */
const HASHES_AT_ONCE = 4;

/** Returns an expression for the chunks that have these hashes. They are numbers that this program computed, not input. */
const maskOf = (hashes: readonly number[]) =>
  hashes.length === 0 ? '-1' : hashes.map((hash) => `s.slices[${hash + 1}]`).join(' & ');

function probeQuery(hashes: readonly number[]): string {
  const mask = maskOf(hashes);
  return `
    SELECT c.number::int, s.after_id, to_json(s.ends) AS ends, s.mask
    FROM unnest($groups::bigint[], $tos::bigint[]) WITH ORDINALITY AS c (group_id, to_id, number)
    CROSS JOIN LATERAL (
      SELECT s.after_id, s.ends, ${mask} AS mask FROM plantao.message_search s
      WHERE s.group_id = c.group_id AND s.after_id < c.to_id
        AND CASE WHEN ${maskOf(hashes.slice(0, HASHES_AT_ONCE))} = 0 THEN false ELSE ${mask} <> 0 END
      ORDER BY s.after_id DESC LIMIT $rowsPerGroup) s`;
}

/**
 * Queries the search index. Returns the chunks of these candidates that have all hashes, as candidates to be read, and for a
 * group with more rows than one statement returns the rest of its range, to be queried again.
 */
export async function probeIndex(
  transaction: Transaction,
  candidates: readonly Candidate[],
  hashes: readonly number[],
): Promise<Candidate[]> {
  const rowsPerGroup = Math.max(MIN_ROWS_PER_GROUP, Math.floor(MAX_ROWS / candidates.length));
  const rows = await query<ProbedRow>(transaction, probeQuery(hashes), {
    groups: candidates.map(({ groupId }) => groupId),
    tos: candidates.map(({ to }) => to),
    rowsPerGroup,
  });
  const counts = new Map<number, number>();
  return rows.flatMap(({ number, after_id: afterId, ends, mask }) => {
    const candidate = candidates[number - 1];
    if (!candidate) return [];
    const count = (counts.get(number) ?? 0) + 1;
    counts.set(number, count);
    const rest = count === rowsPerGroup ? [{ ...candidate, to: afterId }] : [];
    return [...rest, ...chunksOf(candidate, afterId, ends, mask)];
  });
}

function chunksOf({ groupId, to }: Candidate, afterId: number, ends: readonly number[], mask: number): Candidate[] {
  return ends.flatMap((end, chunk) =>
    (mask & (1 << chunk)) === 0 ? [] : [{ groupId, from: (ends[chunk - 1] ?? afterId) + 1, to: Math.min(end, to) }],
  );
}
