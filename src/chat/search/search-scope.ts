import type { Transaction } from 'sequelize';
import { query } from '../../database/query.ts';
import { rowsAfter } from '../../database/sql/key-range.ts';
import { Refused } from '../errors.ts';
import { MAX_GROUPS } from '../groups/group-limits.ts';
import type { Candidate } from './candidates.ts';
import { INDEXED_AT_ONCE } from './indexing/index-rows.ts';
import { indexedTo } from './indexing/index-statements.ts';
import { indexFormat } from './indexing/signatures.ts';

/**
 * The maximum number of changed messages that a search reads because the indexer has not processed their events yet. A change
 * beyond this number is found once it has.
 */
const MAX_CHANGED = 1000;

const SCOPE = `
  WITH index AS MATERIALIZED (
    SELECT coalesce(min(i.position), 0) AS position, coalesce(min(i.format), 0) = $format AS is_usable FROM plantao.search_index i
  ), own AS MATERIALIZED (
    SELECT own.group_id AS id, CASE WHEN (SELECT is_usable FROM index) THEN ${indexedTo('own.group_id')} ELSE 0 END AS indexed_to
    FROM (
      SELECT m.group_id FROM plantao.memberships m
      WHERE m.user_id = $userId AND ($groupId::bigint IS NULL OR m.group_id = $groupId::bigint)
      ORDER BY m.group_id DESC LIMIT ${MAX_GROUPS}) own
  )
  SELECT (SELECT max(id) FROM plantao.messages) AS newest,
         (SELECT json_agg(json_build_object('id', own.id, 'indexed_to', own.indexed_to)) FROM own) AS groups,
         (SELECT json_agg(json_build_object('groupId', c.group_id, 'from', c.message_id, 'to', c.message_id, 'level', 'messages', 'size', 1)) FROM (
            SELECT e.group_id, e.message_id FROM own CROSS JOIN LATERAL (
              SELECT e.group_id, e.message_id FROM plantao.events e
              WHERE ${rowsAfter(['e.group_id', 'e.position'], 'own.id', '(SELECT position FROM index)')} AND e.group_id IS NOT NULL
                AND e.kind IN ('message', 'message_edited') AND e.message_id <= own.indexed_to
              ORDER BY e.group_id, e.position LIMIT ${MAX_CHANGED}) e
            WHERE own.indexed_to > 0 LIMIT ${MAX_CHANGED}) c) AS changed
  FROM plantao.users u WHERE u.id = $userId AND NOT u.is_hook AND u.erased_at IS NULL`;

interface ScopeRow {
  newest: number | null;
  groups: { id: number; indexed_to: number }[] | null;
  changed: Candidate[] | null;
}

/** The messages to search. */
export interface SearchScope {
  before: number;
  candidates: Candidate[];
}

/**
 * Returns the messages to search, all before an id: of each group the indexed ones, the unindexed ones, and those that have
 * changed since they were indexed. @throws {Refused} user_not_found, not_a_member.
 */
export async function searchScope(
  transaction: Transaction,
  { userId, groupId, before: requested }: { userId: number; groupId?: number | undefined; before?: number | undefined },
): Promise<SearchScope> {
  const [scope] = await query<ScopeRow>(transaction, SCOPE, {
    userId,
    groupId: groupId ?? null,
    format: indexFormat(),
  });
  if (!scope) throw new Refused('user_not_found');
  if (groupId !== undefined && scope.groups === null) throw new Refused('not_a_member');
  // The default is not the highest possible id, because a message may have it.
  const before = Math.min(requested ?? Number.POSITIVE_INFINITY, (scope.newest ?? 0) + 1);
  const candidates = (scope.groups ?? []).flatMap(({ id, indexed_to }): Candidate[] => [
    {
      groupId: id,
      level: 'messages',
      from: indexed_to + 1,
      to: before - 1,
      ...(indexed_to > 0 && { size: INDEXED_AT_ONCE }),
    },
    { groupId: id, level: 'segments', from: 1, to: Math.min(indexed_to, before - 1) },
  ]);
  candidates.push(...(scope.changed ?? []).filter(({ to }) => to < before));
  return { before, candidates };
}
