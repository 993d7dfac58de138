import type { Transaction } from 'sequelize';
import { query } from '../../../database/query.ts';
import type { Candidate } from '../candidates.ts';
import { CHUNK, SEGMENT_ROWS } from './index-rows.ts';
import type { Hashes } from './signatures.ts';

/** Number of hashes that are compared first: they already exclude most rows. */
const HASHES_AT_ONCE = 6;

/** Returns the condition for segments that have these hashes. They are numbers that this program computed, not input. */
const hasAll = (hashes: readonly number[]) => hashes.map((hash) => `AND get_bit(s.bits, ${hash}) = 1`).join(' ');

const segmentQuery = (hashes: readonly number[]) => `
  SELECT c.number::int, s.after_id, s.last_id
  FROM unnest($groups::bigint[], $tos::bigint[]) WITH ORDINALITY AS c (group_id, to_id, number)
  CROSS JOIN LATERAL (
    SELECT s.after_id, s.last_id FROM plantao.search_segments s
    WHERE s.group_id = c.group_id AND s.after_id < c.to_id ${hasAll(hashes)}
    ORDER BY s.after_id DESC LIMIT $perCandidate) s`;

/** Returns an expression for the chunks that have these hashes. */
const maskOf = (hashes: readonly number[]) =>
  hashes.length === 0 ? '-1' : hashes.map((hash) => `s.slices[${hash + 1}]`).join(' & ');

function rowQuery(hashes: readonly number[]): string {
  const mask = maskOf(hashes);
  return `
    SELECT c.number::int, s.after_id, to_json(s.ends) AS ends, s.mask
    FROM unnest($groups::bigint[], $froms::bigint[], $tos::bigint[]) WITH ORDINALITY AS c (group_id, from_id, to_id, number)
    CROSS JOIN LATERAL (
      SELECT s.after_id, s.ends, ${mask} AS mask FROM plantao.message_search s
      WHERE s.group_id = c.group_id AND s.after_id < c.to_id AND s.after_id >= c.from_id - 1
        AND CASE WHEN ${maskOf(hashes.slice(0, HASHES_AT_ONCE))} = 0 THEN false ELSE ${mask} <> 0 END
      ORDER BY s.after_id DESC LIMIT $perCandidate) s`;
}

interface FoundEntry {
  number: number;
  after_id: number;
}

/**
 * Looks up candidates, all at the same level, in the search index. Returns the parts of them that have all hashes, as candidates
 * of the next level, and the ranges that it did not finish. It returns at most `entries` segments or rows, but never limits a
 * candidate to fewer than a segment has.
 */
export function probeIndex(
  transaction: Transaction,
  candidates: readonly Candidate[],
  hashes: Hashes,
  entries: number,
): Promise<Candidate[]> {
  const perCandidate = Math.max(SEGMENT_ROWS, Math.floor(entries / candidates.length));
  return candidates[0]?.level === 'segments'
    ? probe<FoundEntry & { last_id: number }>(
        transaction,
        candidates,
        perCandidate,
        segmentQuery(hashes.segment),
        ({ to, ...of }, found) => [{ ...of, level: 'rows', from: found.after_id + 1, to: Math.min(found.last_id, to) }],
      )
    : probe<FoundEntry & { ends: number[]; mask: number }>(
        transaction,
        candidates,
        perCandidate,
        rowQuery(hashes.row),
        matchingChunks,
      );
}

async function probe<Found extends FoundEntry>(
  transaction: Transaction,
  candidates: readonly Candidate[],
  perCandidate: number,
  sql: string,
  partsOf: (candidate: Candidate, found: Found) => Candidate[],
): Promise<Candidate[]> {
  const all = await query<Found>(transaction, sql, {
    groups: candidates.map(({ groupId }) => groupId),
    ...(sql.includes('$froms') && { froms: candidates.map(({ from }) => from) }),
    tos: candidates.map(({ to }) => to),
    perCandidate,
  });
  const counts = new Map<number, number>();
  return all.flatMap((found) => {
    const candidate = candidates[found.number - 1];
    if (!candidate) return [];
    const count = (counts.get(found.number) ?? 0) + 1;
    counts.set(found.number, count);
    const rest = count === perCandidate ? [{ ...candidate, to: found.after_id }] : [];
    return [...rest, ...partsOf(candidate, found)];
  });
}

function matchingChunks(
  { groupId, to }: Candidate,
  { after_id: afterId, ends, mask }: { after_id: number; ends: number[]; mask: number },
): Candidate[] {
  return ends.flatMap((end, chunk) =>
    (mask & (1 << chunk)) === 0
      ? []
      : [{ groupId, level: 'messages', size: CHUNK, from: (ends[chunk - 1] ?? afterId) + 1, to: Math.min(end, to) }],
  );
}
