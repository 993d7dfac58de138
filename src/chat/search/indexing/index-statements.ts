import { rowsAfter } from '../../../database/sql/key-range.ts';
import { CHUNKS, INDEXED_AT_ONCE, SEGMENT_CHUNKS } from './index-rows.ts';

/** Reads the progress of the index. */
export const STATE = `
  SELECT i.generation, i.position, i.swept_group,
         i.format <> $format OR i.position < b.floor OR i.position > b.head AS is_lost
  FROM plantao.search_index i CROSS JOIN plantao.log_bounds b`;

/** Reads one column of a group's newest row or segment. */
const newest = (column: string, table: 'message_search' | 'search_segments', group: string) =>
  `(SELECT t.${column} FROM plantao.${table} t WHERE t.group_id = ${group} ORDER BY t.after_id DESC LIMIT 1)`;

/**
 * Returns the SQL expression for the id up to which a group is indexed: 0 if its rows and its segments end at different ids, because a
 * DBA has deleted some. They then do not fit each other, and are removed ({@link REMOVE_UNFIT}) before the group is indexed again.
 */
export const indexedTo = (group: string) =>
  `(SELECT CASE WHEN n.of_rows = n.of_segments THEN n.of_rows ELSE 0 END
    FROM (SELECT ${newest('last_id', 'message_search', group)} AS of_rows, ${newest('last_id', 'search_segments', group)} AS of_segments
          -- Otherwise PostgreSQL reads each of them at each place where it is used.
          OFFSET 0) n)`;

const removeUnfit = (table: 'message_search' | 'search_segments') =>
  `DELETE FROM plantao.${table} WHERE group_id = ANY(ARRAY(
     SELECT g.id FROM unnest($groupIds::bigint[]) AS g (id) WHERE ${indexedTo('g.id')} = 0))`;

/** Remove the rows and the segments of groups that are not indexed. The segments that remain without rows are unfit too. */
export const REMOVE_UNFIT = [removeUnfit('message_search'), removeUnfit('search_segments')];

/**
 * Reads the work that the next events require, as one row. For most groups it only compares the id of the oldest new message with
 * the index. A new message with an id below the indexed ones is rare; it is marked like an edited one.
 */
export const FOLLOW = `
  WITH events AS MATERIALIZED (
    SELECT position, kind, group_id, message_id FROM plantao.events
    WHERE position > $after ORDER BY position LIMIT $limit
  ),
  groups AS MATERIALIZED (
    SELECT group_id AS id, min(message_id) AS first_id, max(message_id) AS last_id FROM events
    WHERE kind = 'message' AND group_id IS NOT NULL AND message_id IS NOT NULL GROUP BY group_id
  ),
  overtaken AS (
    SELECT i.id, i.last_id FROM (SELECT g.id, g.first_id, ${indexedTo('g.id')} AS last_id FROM groups g) i
    WHERE i.last_id >= i.first_id
  )
  SELECT (SELECT count(*)::int FROM events) AS count, (SELECT max(position) FROM events) AS position,
         coalesce((SELECT json_agg(json_build_object('id', id, 'to', last_id)) FROM groups), '[]') AS groups,
         (SELECT coalesce(json_agg(message_id), '[]') FROM (
            SELECT message_id FROM events WHERE kind = 'message_edited' AND message_id IS NOT NULL
            UNION
            SELECT e.message_id FROM events e JOIN overtaken o ON o.id = e.group_id
            WHERE e.kind = 'message' AND e.message_id <= o.last_id) m) AS messages`;

/** Reads the groups that have enough messages to index. */
export const DUE = `
  SELECT g.id, g.to_id AS "to", g.indexed_to
  FROM (
    SELECT g.id, g.to_id, ${indexedTo('g.id')} AS indexed_to
    FROM unnest($ids::bigint[], $tos::bigint[]) AS g (id, to_id) OFFSET 0
  ) g
  WHERE g.to_id >= (
    SELECT m.id FROM plantao.messages m WHERE ${rowsAfter(['m.group_id', 'm.id'], 'g.id', 'g.indexed_to')}
    ORDER BY m.group_id, m.id OFFSET ${INDEXED_AT_ONCE - 1} LIMIT 1)`;

/** The columns of a row and of a segment, as this program names them. */
export const ROW = `r.group_id AS "groupId", r.after_id AS "afterId", to_json(r.ends) AS ends, to_json(r.slices) AS slices`;
export const SEGMENT = `s.group_id AS "groupId", s.after_id AS "afterId", s.last_id AS "lastId", s.chunks, s.bits`;

/** Reads the row to which the next chunk of each group is appended, if it is not full. */
export const OPEN_ROWS = `
  SELECT ${ROW}
  FROM unnest($ids::bigint[], $indexedTos::bigint[]) AS g (id, indexed_to)
  CROSS JOIN LATERAL (
    SELECT r.* FROM plantao.message_search r WHERE r.group_id = g.id AND r.after_id < g.indexed_to ORDER BY r.after_id DESC LIMIT 1) r
  WHERE r.last_id = g.indexed_to AND cardinality(r.ends) < ${CHUNKS}`;

/** Reads the segment to which the next chunk of each group is appended, if it is not full. */
export const OPEN_SEGMENTS = `
  SELECT ${SEGMENT}
  FROM unnest($ids::bigint[], $indexedTos::bigint[]) AS g (id, indexed_to)
  CROSS JOIN LATERAL (
    SELECT s.* FROM plantao.search_segments s WHERE s.group_id = g.id AND s.after_id < g.indexed_to ORDER BY s.after_id DESC LIMIT 1) s
  WHERE s.last_id = g.indexed_to AND s.chunks < ${SEGMENT_CHUNKS}`;

/** Reads those of these messages that are indexed, each with its row and its segment. */
export const INDEXED = `
  SELECT m.id, m.sender_id, m.content, m.group_id, r.after_id AS row_after, s.after_id AS segment_after
  FROM plantao.messages m
  CROSS JOIN LATERAL (
    SELECT r.after_id, r.last_id FROM plantao.message_search r
    WHERE r.group_id = m.group_id AND r.after_id < m.id ORDER BY r.after_id DESC LIMIT 1) r
  CROSS JOIN LATERAL (
    SELECT s.after_id, s.last_id FROM plantao.search_segments s
    WHERE s.group_id = m.group_id AND s.after_id < m.id ORDER BY s.after_id DESC LIMIT 1) s
  WHERE m.id = ANY($ids::bigint[]) AND r.last_id >= m.id AND s.last_id >= m.id AND m.id <= ${indexedTo('m.group_id')}`;

/**
 * Stores rows and segments. Locks the groups until the commit. Skips a group that is being deleted, since waiting for it could
 * deadlock.
 */
export const SAVE = `
  WITH kept AS MATERIALIZED (
    SELECT g.id FROM plantao.groups g WHERE g.id = ANY($groupIds::bigint[])
      -- Rows that continue others are not stored if these have been deleted meanwhile.
      AND (${indexedTo('g.id')} > 0 OR g.id = ANY(ARRAY(
        SELECT f.id FROM unnest($groupIds::bigint[], $afterIds::bigint[]) AS f (id, after_id) WHERE f.after_id = 0)))
    ORDER BY g.id FOR KEY SHARE SKIP LOCKED
  ),
  segments AS (
    INSERT INTO plantao.search_segments (group_id, after_id, last_id, chunks, bits)
    SELECT s.group_id, s.after_id, s.last_id, s.chunks, decode(s.bits, 'hex')
    FROM unnest($segmentGroupIds::bigint[], $segmentAfterIds::bigint[], $segmentLastIds::bigint[], $segmentChunks::smallint[], $segmentBits::text[])
           AS s (group_id, after_id, last_id, chunks, bits)
    JOIN kept ON kept.id = s.group_id
    ON CONFLICT (group_id, after_id)
    DO UPDATE SET last_id = excluded.last_id, chunks = excluded.chunks, bits = excluded.bits
  )
  INSERT INTO plantao.message_search (group_id, after_id, last_id, ends, slices)
  SELECT r.group_id, r.after_id, r.ends[cardinality(r.ends)], r.ends, r.slices
  FROM (
    SELECT r.group_id, r.after_id, r.ends::bigint[] AS ends, r.slices::smallint[] AS slices
    FROM unnest($groupIds::bigint[], $afterIds::bigint[], $ends::text[], $slices::text[]) AS r (group_id, after_id, ends, slices)
  ) r JOIN kept ON kept.id = r.group_id
  ON CONFLICT (group_id, after_id)
  DO UPDATE SET last_id = excluded.last_id, ends = excluded.ends, slices = excluded.slices`;
