-- Reactions to messages, bounded for each user and for each message, with counts, so that a page of history costs one lookup per message.

CREATE TABLE plantao.reactions (
  message_id bigint NOT NULL CHECK (message_id BETWEEN 1 AND 9007199254740991),
  user_id    bigint NOT NULL REFERENCES plantao.users ON DELETE CASCADE,
  emoji      text COLLATE "C" NOT NULL CHECK (btrim(emoji) <> '' AND char_length(emoji) <= 32),
  reacted_at timestamptz NOT NULL DEFAULT now() CHECK (reacted_at >= '1970-01-01 UTC' AND reacted_at < '10000-01-01 UTC'),
  PRIMARY KEY (message_id, user_id, emoji)
);
COMMENT ON TABLE plantao.reactions IS
  'One row for each reaction of a user to a message: at most 10 of one user to one message, and at most 50 different ones to a message. INSERT and DELETE notify the group.';
COMMENT ON COLUMN plantao.reactions.message_id IS 'The message. No foreign key: triggers check that it exists, and remove the reactions of deleted messages.';
COMMENT ON COLUMN plantao.reactions.user_id IS 'The user.';
COMMENT ON COLUMN plantao.reactions.emoji IS 'An emoji, or a short name that clients agree on; at most 32 characters.';
COMMENT ON COLUMN plantao.reactions.reacted_at IS 'Start of the transaction that stored it.';
-- Serves the deletion of an account.
CREATE INDEX reactions_by_user ON plantao.reactions (user_id);

CREATE TABLE plantao.reaction_counts (
  message_id bigint NOT NULL CHECK (message_id BETWEEN 1 AND 9007199254740991),
  emoji      text COLLATE "C" NOT NULL CHECK (btrim(emoji) <> '' AND char_length(emoji) <= 32),
  count      integer NOT NULL CHECK (count > 0),
  PRIMARY KEY (message_id, emoji)
);
COMMENT ON TABLE plantao.reaction_counts IS 'The number of each reaction to a message, kept by triggers: a message may have ten thousand reactions, and GET /messages shows 500 messages.';
COMMENT ON COLUMN plantao.reaction_counts.message_id IS 'The message.';
COMMENT ON COLUMN plantao.reaction_counts.emoji IS 'The reaction.';
COMMENT ON COLUMN plantao.reaction_counts.count IS 'Number of users who have added it.';

CREATE FUNCTION plantao.add_reactions() RETURNS trigger
-- Each OFFSET 0 makes PostgreSQL look up each row by its key, as in plantao.event_feed. A session keeps the plan of its first
-- statement: a join that reads a whole table for a thousand reactions would read it for each later one, while the log is locked.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  is_imported boolean := plantao.is_importing();
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM changed) THEN RETURN NULL; END IF;
  IF NOT is_imported THEN head := plantao.lock_log(); END IF;
  IF EXISTS (SELECT FROM changed c WHERE NOT EXISTS (SELECT FROM plantao.messages m WHERE m.id = c.message_id OFFSET 0)) THEN
    RAISE EXCEPTION 'there is no such message'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'reactions_message_id', TABLE = 'reactions', SCHEMA = 'plantao';
  END IF;
  -- An export may contain reactions of an account whose deletion is not finished: the active node finishes it after the import.
  IF NOT is_imported
     AND EXISTS (SELECT FROM changed c WHERE EXISTS (
       SELECT FROM plantao.users u WHERE u.id = c.user_id AND (u.is_hook OR u.erased_at IS NOT NULL) OFFSET 0)) THEN
    RAISE EXCEPTION 'hooks and deleted accounts do not react'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'reactions_account', TABLE = 'reactions', SCHEMA = 'plantao';
  END IF;
  INSERT INTO plantao.reaction_counts AS k (message_id, emoji, count)
  SELECT c.message_id, c.emoji, count(*) FROM changed c GROUP BY c.message_id, c.emoji
  ON CONFLICT (message_id, emoji) DO UPDATE SET count = least(k.count, 2147483647 - excluded.count) + excluded.count;
  IF EXISTS (SELECT FROM (SELECT DISTINCT message_id, user_id FROM changed) c WHERE EXISTS (
       SELECT FROM plantao.reactions r WHERE r.message_id = c.message_id AND r.user_id = c.user_id OFFSET 10))
     OR EXISTS (SELECT FROM (SELECT DISTINCT message_id FROM changed) c WHERE EXISTS (
       SELECT FROM plantao.reaction_counts k WHERE k.message_id = c.message_id OFFSET 50)) THEN
    RAISE EXCEPTION 'a user may have 10 reactions to a message, and a message 50 different ones'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'reactions_limit', TABLE = 'reactions', SCHEMA = 'plantao';
  END IF;
  IF is_imported THEN RETURN NULL; END IF;
  INSERT INTO plantao.events (position, kind, group_id, message_id, payload)
  SELECT head + row_number() OVER (ORDER BY c.message_id, c.user_id, c.emoji), 'reaction', m.group_id, c.message_id,
         jsonb_build_object('user_id', c.user_id, 'emoji', c.emoji, 'added', true, 'count', k.count)
  FROM changed c
  CROSS JOIN LATERAL (SELECT group_id FROM plantao.messages WHERE id = c.message_id OFFSET 0) m
  CROSS JOIN LATERAL (SELECT count FROM plantao.reaction_counts WHERE message_id = c.message_id AND emoji = c.emoji OFFSET 0) k;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.add_reactions() IS 'Counts new reactions, checks their users and limits, and appends one event for each.';

CREATE FUNCTION plantao.remove_reactions() RETURNS trigger
-- By keys, like add_reactions().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM changed) THEN RETURN NULL; END IF;
  head := plantao.lock_log();
  WITH removed AS MATERIALIZED (
    SELECT c.message_id, c.emoji, c.number, k.ctid AS place, k.count
    FROM (SELECT message_id, emoji, count(*) AS number FROM changed GROUP BY message_id, emoji) c
    CROSS JOIN LATERAL (SELECT o.ctid, o.count FROM plantao.reaction_counts o
                        WHERE o.message_id = c.message_id AND o.emoji = c.emoji OFFSET 0) k
  ), gone AS (
    DELETE FROM plantao.reaction_counts k WHERE k.ctid = ANY (ARRAY(SELECT r.place FROM removed r WHERE r.count <= r.number)))
  -- Every row exists, so that this only updates. Unlike an UPDATE with a join, it finds each row by its key.
  INSERT INTO plantao.reaction_counts AS k (message_id, emoji, count)
  SELECT r.message_id, r.emoji, r.number FROM removed r WHERE r.count > r.number
  ON CONFLICT (message_id, emoji) DO UPDATE SET count = k.count - excluded.count;
  -- Reactions to a message that was deleted, or that is removed with its group or its sender, get no event: the group is notified of
  -- that deletion.
  INSERT INTO plantao.events (position, kind, group_id, message_id, payload)
  SELECT head + row_number() OVER (ORDER BY c.message_id, c.user_id, c.emoji), 'reaction', m.group_id, c.message_id,
         jsonb_build_object('user_id', c.user_id, 'emoji', c.emoji, 'added', false, 'count', coalesce(k.count, 0))
  FROM changed c
  CROSS JOIN LATERAL (SELECT group_id, sender_id FROM plantao.messages WHERE id = c.message_id OFFSET 0) m
  CROSS JOIN LATERAL (SELECT FROM plantao.groups WHERE id = m.group_id AND deleted_at IS NULL OFFSET 0) g
  CROSS JOIN LATERAL (SELECT FROM plantao.users WHERE id = m.sender_id AND erasing IS DISTINCT FROM 'erase' OFFSET 0) u
  LEFT JOIN LATERAL (SELECT count FROM plantao.reaction_counts
                     WHERE message_id = c.message_id AND emoji = c.emoji OFFSET 0) k ON true;
  GET DIAGNOSTICS added = ROW_COUNT;
  IF added > 0 THEN PERFORM plantao.hint('plantao_events', (head + added)::text); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.remove_reactions() IS 'Takes removed reactions out of the counts, and appends one event for each whose message stays.';

CREATE TRIGGER lock_log_first BEFORE INSERT OR DELETE ON plantao.reactions
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER log_added AFTER INSERT ON plantao.reactions
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.add_reactions();
CREATE TRIGGER log_removed AFTER DELETE ON plantao.reactions
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.remove_reactions();
CREATE TRIGGER refuse_change BEFORE UPDATE OF message_id, user_id, emoji ON plantao.reactions
  FOR EACH ROW EXECUTE FUNCTION plantao.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.reactions
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.reaction_counts
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change('DELETE FROM plantao.reactions removes them from the counts.');

CREATE FUNCTION plantao.forget_reactions() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  forgotten integer;
BEGIN
  -- By keys, like add_reactions(), and by the places of the rows that are found.
  DELETE FROM plantao.reaction_counts k WHERE k.ctid = ANY (ARRAY(
    SELECT o.ctid FROM removed m CROSS JOIN LATERAL (
      SELECT c.ctid FROM plantao.reaction_counts c WHERE c.message_id = m.id OFFSET 0) o));
  DELETE FROM plantao.reactions r WHERE r.ctid = ANY (ARRAY(
    SELECT o.ctid FROM removed m CROSS JOIN LATERAL (
      SELECT c.ctid FROM plantao.reactions c WHERE c.message_id = m.id OFFSET 0) o LIMIT 1000));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  IF forgotten = 1000 THEN
    INSERT INTO plantao.removed_messages (message_id)
    SELECT m.id FROM removed m WHERE EXISTS (SELECT FROM plantao.reactions r WHERE r.message_id = m.id OFFSET 0)
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.forget_reactions() IS
  'Removes the reactions to deleted messages, at most 1000 of them: plantao.forget_removed_messages() removes the rest.';
CREATE TRIGGER forget_reactions AFTER DELETE ON plantao.messages
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION plantao.forget_reactions();

CREATE FUNCTION plantao.forget_removed_messages(under_term bigint, at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  ids bigint[];
  room integer := at_most;
  forgotten integer;
BEGIN
  -- Does not wait for a synchronous standby: what a failover restores is removed again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM plantao.assert_term(under_term);
  ids := ARRAY(SELECT r.message_id FROM plantao.removed_messages r ORDER BY r.message_id LIMIT at_most);
  IF ids = '{}' THEN RETURN 0; END IF;
  DELETE FROM plantao.reactions r WHERE r.ctid = ANY (ARRAY(
    SELECT o.ctid FROM plantao.reactions o WHERE o.message_id = ANY (ids) LIMIT room));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  room := room - forgotten;
  DELETE FROM plantao.message_edits e WHERE e.ctid = ANY (ARRAY(
    SELECT o.ctid FROM plantao.message_edits o WHERE o.message_id = ANY (ids) LIMIT room));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  room := room - forgotten;
  IF room > 0 THEN DELETE FROM plantao.removed_messages r WHERE r.message_id = ANY (ids); END IF;
  -- If the list was cut at the limit, there may be more messages.
  RETURN CASE WHEN cardinality(ids) = at_most THEN at_most ELSE at_most - room END;
END $$;
COMMENT ON FUNCTION plantao.forget_removed_messages(bigint, integer) IS
  'One step of the active node under its term: removes at most at_most reactions and earlier texts of plantao.removed_messages. Returns their number; fewer than at_most means done.';
