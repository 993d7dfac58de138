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
COMMENT ON COLUMN plantao.reactions.emoji IS 'An emoji, or a short name that clients agree on; at most 32 characters. INSERT stores it in the form of plantao.reaction_form().';
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

-- Unicode names one emoji with and without the selector U+FE0F: both are one reaction.
CREATE FUNCTION plantao.reaction_form(emoji text) RETURNS text
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT regexp_replace(regexp_replace(replace(emoji, E'\uFE0F', ''), E'[0-9#*](?=\u20E3)', E'\\&\uFE0F', 'g'),
    -- The characters that are emoji of Unicode, but look like text by default: since Unicode 11 there have been no new ones.
    E'[\u00A9\u00AE\u203C\u2049\u2122\u2139\u2194-\u2199\u21A9\u21AA\u2328\u23CF\u23ED-\u23EF\u23F1\u23F2\u23F8-\u23FA\u24C2\u25AA\u25AB\u25B6\u25C0\u25FB\u25FC\u2600-\u2604\u260E\u2611\u2618\u261D\u2620\u2622\u2623\u2626\u262A\u262E\u262F\u2638-\u263A\u2640\u2642\u265F\u2660\u2663\u2665\u2666\u2668\u267B\u267E\u2692\u2694-\u2697\u2699\u269B\u269C\u26A0\u26A7\u26B0\u26B1\u26C8\u26CF\u26D1\u26D3\u26E9\u26F0\u26F1\u26F4\u26F7-\u26F9\u2702\u2708\u2709\u270C\u270D\u270F\u2712\u2714\u2716\u271D\u2721\u2733\u2734\u2744\u2747\u2763\u2764\u27A1\u2934\u2935\u2B05-\u2B07\u3030\u303D\u3297\u3299'
    || E'\U0001F170\U0001F171\U0001F17E\U0001F17F\U0001F202\U0001F237\U0001F321\U0001F324-\U0001F32C\U0001F336\U0001F37D\U0001F396\U0001F397\U0001F399-\U0001F39B\U0001F39E\U0001F39F\U0001F3CB-\U0001F3CE\U0001F3D4-\U0001F3DF\U0001F3F3\U0001F3F5\U0001F3F7\U0001F43F\U0001F441\U0001F4FD\U0001F549\U0001F54A\U0001F56F\U0001F570\U0001F573-\U0001F579\U0001F587\U0001F58A-\U0001F58D\U0001F590\U0001F5A5\U0001F5A8\U0001F5B1\U0001F5B2\U0001F5BC\U0001F5C2-\U0001F5C4\U0001F5D1-\U0001F5D3\U0001F5DC-\U0001F5DE\U0001F5E1\U0001F5E3\U0001F5E8\U0001F5EF\U0001F5F3\U0001F5FA\U0001F6CB\U0001F6CD-\U0001F6CF\U0001F6E0-\U0001F6E5\U0001F6E9\U0001F6F0\U0001F6F3]'
    || E'(?![\uFE0E\U0001F3FB-\U0001F3FF])', E'\\&\uFE0F', 'g')
$$;
COMMENT ON FUNCTION plantao.reaction_form(text) IS
  'Returns a reaction as it is stored: with the variation selector U+FE0F after each character that looks like text without it, and nowhere else.';

CREATE FUNCTION plantao.normalise_reaction() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.emoji := plantao.reaction_form(NEW.emoji);
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.normalise_reaction() IS 'Stores the forms of an emoji that look the same as one.';

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
-- Looks rows up by key: see add_reactions().
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
CREATE TRIGGER normalise BEFORE INSERT ON plantao.reactions
  FOR EACH ROW EXECUTE FUNCTION plantao.normalise_reaction();
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
  -- Looks rows up by key (see add_reactions()), and by the places of the rows that are found.
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
