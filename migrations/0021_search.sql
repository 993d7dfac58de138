-- The search index (src/chat/search/indexing): a bit-sliced signature file of n-grams. The active node fills it from the event log,
-- never during a post.
--
--   1. A chunk is up to 16 messages of one group, in the order of their ids; a row has up to 16 chunks of a group, a segment four rows.
--   2. Each text is cut into n-grams: three, four and five letters of a word, whole words of one or two letters, symbols.
--   3. An n-gram has a few hashes: numbers up to 64000 for segments, and up to 3936 for rows. In a segment, the bit with that number is
--      set. In the integer of a row with that number, the bit of the chunk is set.
--   4. A search reads the segments of a group, newest first: those with all bits of its n-grams may contain the text. In each row of
--      these segments, it ANDs the integers of its n-grams: a remaining bit marks a chunk that may contain the text.
--   5. It reads the messages of such chunks, the few of each group that have no row yet, and those that changed since they were indexed.
--   6. So the index only excludes messages: a bit that is set without a match costs time, and deleted or edited texts are never found.
--   7. The rows of a group, and its segments, cover its ids without gaps, and are removed with it. Only the active node writes them.
--   8. A row of up to 256 messages, in any language, is about one page of 8 KB, and so is a segment of up to 1024. The index has no
--      text and no locale. It takes about 45 bytes a message if chunks are full.
--   9. GIN on trigrams or words reads every hit of a common word, grows with the text, and pg_trgm is not available everywhere. This
--      index limits how much a search reads: ten million messages have about ten thousand segments.

CREATE TABLE plantao.search_index (
  only_row    boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  generation  integer NOT NULL DEFAULT 1,
  format      integer NOT NULL DEFAULT 0,
  position    bigint NOT NULL CHECK (position BETWEEN 0 AND 9007199254740991),
  swept_group bigint DEFAULT 0 CHECK (swept_group BETWEEN 0 AND 9007199254740991),
  updated_at  timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (updated_at >= '1970-01-01 UTC' AND updated_at < '10000-01-01 UTC')
);
INSERT INTO plantao.search_index (position) SELECT plantao.log_head();
COMMENT ON TABLE plantao.search_index IS 'One row: the progress of the search index. Read it through plantao.search_status.';
COMMENT ON COLUMN plantao.search_index.only_row IS 'Limits the table to one row.';
COMMENT ON COLUMN plantao.search_index.generation IS 'Number of times that a rebuild was started; after the highest integer it begins at 1 again. Writes of an earlier generation are discarded.';
COMMENT ON COLUMN plantao.search_index.format IS
  'Identifies how texts become n-grams and hashes. A node that computes another format searches without the index, and begins a new one when it is active.';
COMMENT ON COLUMN plantao.search_index.position IS 'Position in the event log up to which new and edited messages are indexed.';
COMMENT ON COLUMN plantao.search_index.swept_group IS 'While the index is built: the last group whose older messages are indexed. Null if all are.';
COMMENT ON COLUMN plantao.search_index.updated_at IS 'When the active node last wrote this row.';

CREATE TABLE plantao.message_search (
  group_id bigint NOT NULL REFERENCES plantao.groups ON DELETE CASCADE,
  after_id bigint NOT NULL CHECK (after_id BETWEEN 0 AND 9007199254740991),
  last_id  bigint NOT NULL CHECK (last_id > after_id AND last_id <= 9007199254740991),
  ends     bigint[] NOT NULL CHECK (cardinality(ends) BETWEEN 1 AND 16 AND ends[cardinality(ends)] = last_id),
  slices   smallint[] NOT NULL CHECK (array_dims(slices) = '[1:3936]' AND array_position(slices, NULL) IS NULL),
  PRIMARY KEY (group_id, after_id)
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE plantao.message_search IS
  'The search index: one row for up to 16 chunks of a group''s messages. A chunk is up to 16 consecutive messages. The rows of a group cover its ids without gaps.';
COMMENT ON COLUMN plantao.message_search.group_id IS 'The group.';
COMMENT ON COLUMN plantao.message_search.after_id IS 'The row is for messages after this id.';
COMMENT ON COLUMN plantao.message_search.last_id IS 'The row is for messages up to this id.';
COMMENT ON COLUMN plantao.message_search.ends IS 'The last message id of each chunk.';
COMMENT ON COLUMN plantao.message_search.slices IS
  'One integer for each hash (1 to 3936), in which the bit of a chunk, the lowest first, is set if one of its messages has an n-gram or a sender with this hash. Bits of deleted and edited texts remain until plantao.rebuild_search().';
-- A search reads a few integers of each row. Stored outside of the row or compressed, all of it would be read and copied.
ALTER TABLE plantao.message_search ALTER COLUMN slices SET STORAGE EXTERNAL;
-- A search would find nothing in the messages of the removed rows.
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.message_search
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change('Use SELECT plantao.rebuild_search().');

CREATE TABLE plantao.search_segments (
  group_id bigint NOT NULL REFERENCES plantao.groups ON DELETE CASCADE,
  after_id bigint NOT NULL CHECK (after_id BETWEEN 0 AND 9007199254740991),
  last_id  bigint NOT NULL CHECK (last_id > after_id AND last_id <= 9007199254740991),
  chunks   smallint NOT NULL CHECK (chunks BETWEEN 1 AND 64),
  bits     bytea NOT NULL CHECK (octet_length(bits) = 8000),
  PRIMARY KEY (group_id, after_id)
) WITH (toast_tuple_target = 8160);
COMMENT ON TABLE plantao.search_segments IS
  'The upper level of the search index: one row for up to four rows of plantao.message_search. The segments of a group cover its ids without gaps.';
COMMENT ON COLUMN plantao.search_segments.group_id IS 'The group.';
COMMENT ON COLUMN plantao.search_segments.after_id IS 'The segment is for messages after this id.';
COMMENT ON COLUMN plantao.search_segments.last_id IS 'The segment is for messages up to this id.';
COMMENT ON COLUMN plantao.search_segments.chunks IS 'The number of chunks in its rows.';
COMMENT ON COLUMN plantao.search_segments.bits IS
  'One bit for each hash (0 to 63999, as get_bit counts them), set if one of the messages has an n-gram or a sender with this hash. Bits of deleted and edited texts remain until plantao.rebuild_search().';
-- A search reads a few bits of each segment.
ALTER TABLE plantao.search_segments ALTER COLUMN bits SET STORAGE EXTERNAL;
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.search_segments
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change('Use SELECT plantao.rebuild_search().');

CREATE FUNCTION plantao.rebuild_search() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- The row comes first: the active node locks it too, so nothing is added to rows that are removed here.
  UPDATE plantao.search_index SET generation = CASE WHEN generation = 2147483647 THEN 1 ELSE generation + 1 END,
    format = 0, position = plantao.log_head(), swept_group = 0, updated_at = clock_timestamp();
  IF NOT FOUND THEN INSERT INTO plantao.search_index (position) SELECT plantao.log_head(); END IF;
  -- Not TRUNCATE: searches that are running see the rows until they end.
  DELETE FROM plantao.search_segments;
  DELETE FROM plantao.message_search;
END $$;
COMMENT ON FUNCTION plantao.rebuild_search() IS
  'Discards the search index; the active node then builds a new one: a few minutes for ten million messages, see plantao.search_status. Until then searches read the messages themselves, and stop at their time limit. Returns at once.';

CREATE VIEW plantao.search_status AS
  SELECT i.swept_group IS NULL AS is_complete, greatest(b.head - i.position, 0) AS behind, i.swept_group, i.generation, i.position,
         i.updated_at, pg_total_relation_size('plantao.message_search') + pg_total_relation_size('plantao.search_segments') AS bytes
  FROM plantao.search_index i CROSS JOIN plantao.log_bounds b;
COMMENT ON VIEW plantao.search_status IS 'One row: the state of the search index. Messages that are not indexed yet are found too, but more slowly.';
COMMENT ON COLUMN plantao.search_status.is_complete IS 'False while the index is built: after an upgrade, an import or plantao.rebuild_search().';
COMMENT ON COLUMN plantao.search_status.behind IS 'Number of events that are not indexed yet; the active node indexes every second.';
COMMENT ON COLUMN plantao.search_status.swept_group IS 'While the index is built: the last group that is done, in the order of their ids.';
COMMENT ON COLUMN plantao.search_status.generation IS 'Number of times that a rebuild was started.';
COMMENT ON COLUMN plantao.search_status.position IS 'Position in the event log up to which events are indexed.';
COMMENT ON COLUMN plantao.search_status.updated_at IS 'When the active node last added to it.';
COMMENT ON COLUMN plantao.search_status.bytes IS 'Its size on disk.';
