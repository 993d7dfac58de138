import { rowsAfter, rowsUpTo } from '../../../database/sql/key-range.ts';
import { INDEXED_AT_ONCE } from './index-rows.ts';

/** Once the index has this many rows, of up to 256 messages, it is built again with the common n-grams of its messages. */
const ROWS_TO_COUNT = 256;

/** Reads the progress of the index. */
export const STATE = `
  SELECT i.generation, i.position, i.swept_group, i.position < b.floor OR i.position > b.head AS is_lost,
         CASE WHEN i.format <> $format THEN json_build_object('format', i.format, 'common', i.common_ngrams) END AS other_ngrams,
         CASE WHEN i.common_ngrams IS NULL
           THEN (SELECT count(*) FROM (SELECT FROM plantao.message_search LIMIT ${ROWS_TO_COUNT}) r) = ${ROWS_TO_COUNT}
           ELSE false END AS is_count_due
  FROM plantao.search_index i CROSS JOIN plantao.log_bounds b`;

/**
 * Number of random message ids by which a sample finds groups: a second of reading where nothing is cached. A random order of all groups
 * would read all of them, which takes longer than a statement may once there are millions.
 */
const SAMPLED_IDS = 2048;

/** Reads the newest messages of each of some random groups. */
export const SAMPLE = `
  WITH random_ids AS MATERIALIZED (
    SELECT ceil(random() * (SELECT max(id) FROM plantao.messages))::bigint AS id FROM generate_series(1, ${SAMPLED_IDS})
  ),
  sampled AS MATERIALIZED (
    SELECT DISTINCT m.group_id AS id FROM random_ids r
    CROSS JOIN LATERAL (SELECT m.group_id FROM plantao.messages m WHERE m.id >= r.id ORDER BY m.id LIMIT 1) m
  )
  SELECT m.content FROM (SELECT id FROM sampled ORDER BY random()) g
  CROSS JOIN LATERAL (
    SELECT left(m.content, 300) AS content FROM plantao.messages m
    WHERE ${rowsUpTo(['m.group_id', 'm.id'], 'g.id')}
    ORDER BY m.group_id DESC, m.id DESC LIMIT $perGroup) m
  LIMIT $limit`;

/** The newest row of a group. */
export const LAST_ROW = `
  SELECT r.after_id, r.last_id, r.ends, r.slices FROM plantao.message_search r
  WHERE r.group_id = g.id ORDER BY r.after_id DESC LIMIT 1`;

/**
 * Reads the work of the next events, as one row. For most groups it only compares the id of the oldest new message with the
 * index. A new message with an id below the indexed ones is rare; it is marked like an edited one.
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
    SELECT g.id, s.last_id FROM groups g CROSS JOIN LATERAL (${LAST_ROW}) s WHERE s.last_id >= g.first_id
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
  SELECT g.id, g.to_id AS "to", coalesce(s.last_id, 0) AS indexed_to
  FROM unnest($ids::bigint[], $tos::bigint[]) AS g (id, to_id)
  LEFT JOIN LATERAL (${LAST_ROW}) s ON true
  WHERE g.to_id >= (
    SELECT m.id FROM plantao.messages m WHERE ${rowsAfter(['m.group_id', 'm.id'], 'g.id', 'coalesce(s.last_id, 0)')}
    ORDER BY m.group_id, m.id OFFSET ${INDEXED_AT_ONCE - 1} LIMIT 1)`;

/** Stores rows. Locks the groups until the commit. Skips a group that is being deleted, since waiting for it could deadlock. */
export const SAVE = `
  WITH kept AS MATERIALIZED (
    SELECT g.id FROM plantao.groups g WHERE g.id = ANY($groupIds::bigint[]) ORDER BY g.id FOR KEY SHARE SKIP LOCKED
  )
  INSERT INTO plantao.message_search (group_id, after_id, last_id, ends, slices)
  SELECT r.group_id, r.after_id, r.ends[cardinality(r.ends)], r.ends, r.slices
  FROM (
    SELECT r.group_id, r.after_id, r.ends::bigint[] AS ends, r.slices::smallint[] AS slices
    FROM unnest($groupIds::bigint[], $afterIds::bigint[], $ends::text[], $slices::text[]) AS r (group_id, after_id, ends, slices)
  ) r JOIN kept ON kept.id = r.group_id
  ON CONFLICT (group_id, after_id)
  DO UPDATE SET last_id = excluded.last_id, ends = excluded.ends, slices = excluded.slices`;
