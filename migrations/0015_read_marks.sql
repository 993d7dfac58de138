-- Read marks: how far a member has read a group, for the unread counts on all devices of that member.

ALTER TABLE plantao.memberships ADD COLUMN last_read_id bigint NOT NULL DEFAULT 0
  CHECK (last_read_id BETWEEN 0 AND 9007199254740991);
COMMENT ON COLUMN plantao.memberships.last_read_id IS
  'Id of the last message that the member has read, on any device. Starts at the newest message when the member joins, never moves back, and never beyond the newest message. An UPDATE notifies the member''s devices.';

ALTER TABLE plantao.groups ADD COLUMN shows_reads boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN plantao.groups.shows_reads IS
  'True if the members see how far each of them has read: each moved read mark is an event read_by for the group. False by default, also in direct chats.';

CREATE FUNCTION plantao.keep_read_mark() RETURNS trigger
-- Without sequential scans, like every function that is called for each new member: its plan is made for the first of them, when the
-- table may be small, and a statement may add thousands.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  newest bigint;
BEGIN
  -- An import stores the marks before the messages.
  IF plantao.is_importing() THEN RETURN NEW; END IF;
  -- The user is a member already: INSERT ... ON CONFLICT DO UPDATE must find its own value in excluded.
  IF TG_OP = 'INSERT' AND EXISTS (SELECT FROM plantao.memberships m WHERE m.group_id = NEW.group_id AND m.user_id = NEW.user_id) THEN
    RETURN NEW;
  END IF;
  newest := coalesce((
    -- Rows are compared, as in src/database/sql/key-range.ts.
    SELECT m.id FROM plantao.messages m
    WHERE (m.group_id, m.id) > (NEW.group_id, 0) AND (m.group_id, m.id) <= (NEW.group_id, 9223372036854775807)
    ORDER BY m.group_id DESC, m.id DESC LIMIT 1), 0);
  NEW.last_read_id := CASE TG_OP WHEN 'INSERT' THEN newest ELSE greatest(OLD.last_read_id, least(NEW.last_read_id, newest)) END;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.keep_read_mark() IS
  'Sets the read mark of a new member to the newest message of the group, and keeps a mark from moving back or beyond the newest message.';
CREATE TRIGGER keep_read_mark BEFORE INSERT OR UPDATE OF last_read_id ON plantao.memberships
  FOR EACH ROW EXECUTE FUNCTION plantao.keep_read_mark();

CREATE FUNCTION plantao.log_reads() RETURNS trigger
-- Runs without nested loops: see log_edits().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off SET enable_seqscan = off AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM old_rows o JOIN new_rows n USING (group_id, user_id) WHERE n.last_read_id > o.last_read_id) THEN
    RETURN NULL;
  END IF;
  head := plantao.lock_log();
  -- The group of `read` is part of the payload: an event with a group_id is received by every member.
  INSERT INTO plantao.events (position, kind, group_id, user_id, payload)
  WITH moved AS (
    SELECT n.group_id, n.user_id, n.last_read_id, (SELECT g.shows_reads FROM plantao.groups g WHERE g.id = n.group_id)
    FROM old_rows o JOIN new_rows n USING (group_id, user_id)
    WHERE n.last_read_id > o.last_read_id
  ), moved_events AS (
    SELECT 'read' AS kind, NULL::bigint AS receiving_group, m.user_id AS receiving_user, m.group_id, m.user_id,
           jsonb_build_object('group_id', m.group_id, 'message_id', m.last_read_id) AS payload
    FROM moved m
    UNION ALL
    SELECT 'read_by', m.group_id, NULL, m.group_id, m.user_id,
           jsonb_build_object('user_id', m.user_id, 'message_id', m.last_read_id)
    FROM moved m WHERE m.shows_reads
  )
  SELECT head + row_number() OVER (ORDER BY a.kind, a.group_id, a.user_id), a.kind, a.receiving_group, a.receiving_user, a.payload
  FROM moved_events a;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_reads() IS 'Appends an event for each read mark that a statement moved: read for the devices of its user alone, and read_by for the group if it shows reads.';
CREATE TRIGGER lock_log_first_to_read BEFORE UPDATE OF last_read_id ON plantao.memberships
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER log_read AFTER UPDATE ON plantao.memberships
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_reads();

CREATE FUNCTION plantao.mark_read(users bigint[], group_ids bigint[], message_ids bigint[])
RETURNS TABLE (of_user bigint, of_group bigint, read_to bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  moved_users bigint[];
  moved_groups bigint[];
  moved_to bigint[];
BEGIN
  -- A mark beyond the newest message would hide messages that are yet to come.
  SELECT array_agg(a.user_id), array_agg(a.group_id), array_agg(least(a.message_id, newest.id))
  INTO moved_users, moved_groups, moved_to
  FROM unnest(users, group_ids, message_ids) AS a (user_id, group_id, message_id)
  JOIN plantao.memberships m ON m.group_id = a.group_id AND m.user_id = a.user_id
  CROSS JOIN LATERAL (
    SELECT n.id FROM plantao.messages n
    WHERE (n.group_id, n.id) > (a.group_id, 0) AND (n.group_id, n.id) <= (a.group_id, 9223372036854775807)
    ORDER BY n.group_id DESC, n.id DESC LIMIT 1) newest
  WHERE m.last_read_id < least(a.message_id, newest.id);
  -- Skipped if there is nothing to move: the statement would lock the event log all the same.
  IF moved_users IS NOT NULL THEN
    UPDATE plantao.memberships m SET last_read_id = a.message_id
    FROM unnest(moved_users, moved_groups, moved_to) AS a (user_id, group_id, message_id)
    WHERE m.group_id = a.group_id AND m.user_id = a.user_id;
  END IF;
  RETURN QUERY
  SELECT m.user_id, m.group_id, m.last_read_id
  FROM unnest(users, group_ids) AS a (user_id, group_id)
  JOIN plantao.memberships m ON m.group_id = a.group_id AND m.user_id = a.user_id;
END $$;
COMMENT ON FUNCTION plantao.mark_read(bigint[], bigint[], bigint[]) IS
  'Moves the read marks of users in groups to these messages, at most to the newest one and never back. Returns the marks after that; none for a user who is not in the group.';
