-- Administration of groups: roles, names, archived and deleted groups, invitations, and lasting departures.

ALTER TABLE plantao.groups
  ADD COLUMN description text NOT NULL DEFAULT '' CHECK (char_length(description) <= 1024),
  ADD COLUMN archived_at timestamptz CHECK (archived_at >= '1970-01-01 UTC' AND archived_at < '10000-01-01 UTC');
COMMENT ON COLUMN plantao.groups.description IS 'A text about the group; empty if there is none.';
COMMENT ON COLUMN plantao.groups.archived_at IS 'When the group was archived: since then the API accepts no new message. Null for a group in use.';

ALTER TABLE plantao.memberships
  ADD COLUMN role text COLLATE "C" NOT NULL DEFAULT 'member' CHECK (role IN ('owner', 'admin', 'member'));
COMMENT ON COLUMN plantao.memberships.role IS
  'owner | admin | member. The creator is the first owner; without a creator, the first member is. When the last owner leaves, the longest-standing admin becomes owner, or else the longest-standing member.';
-- Finds a group's owners among ten thousand members.
CREATE INDEX memberships_staff ON plantao.memberships (group_id) WHERE role <> 'member';
UPDATE plantao.memberships m SET role = 'owner'
FROM plantao.groups g WHERE g.id = m.group_id AND g.creator_id = m.user_id AND g.direct_low IS NULL;

CREATE FUNCTION plantao.make_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (
    SELECT FROM plantao.groups g WHERE g.id = NEW.group_id AND g.direct_low IS NULL AND CASE
      WHEN g.creator_id = NEW.user_id THEN
        NOT EXISTS (SELECT FROM plantao.memberships m WHERE m.group_id = NEW.group_id AND m.role = 'owner')
      -- Not while the creator may still join, perhaps later in this statement, nor before the imported owner.
      WHEN g.creator_id IS NULL
        OR EXISTS (SELECT FROM plantao.departures d WHERE d.group_id = g.id AND d.user_id = g.creator_id) THEN
        NOT plantao.is_importing()
        AND NOT EXISTS (SELECT FROM plantao.memberships m WHERE m.group_id = NEW.group_id)
      ELSE false END) THEN
    NEW.role := 'owner';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.make_owner() IS 'Makes the creator of a group its owner when the creator joins, unless it has an owner already. If the creator has left or is unknown, the first member of a group without members becomes its owner.';
CREATE TRIGGER make_owner BEFORE INSERT ON plantao.memberships
  FOR EACH ROW WHEN (NEW.role = 'member') EXECUTE FUNCTION plantao.make_owner();

CREATE FUNCTION plantao.log_roles() RETURNS trigger
-- Runs without nested loops: see log_edits().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM old_rows o JOIN new_rows n USING (group_id, user_id) WHERE n.role <> o.role) THEN
    RETURN NULL;
  END IF;
  head := plantao.lock_log();
  INSERT INTO plantao.events (position, kind, group_id, payload)
  SELECT head + row_number() OVER (ORDER BY n.group_id, n.user_id), 'role_changed', n.group_id,
         jsonb_build_object('user_id', n.user_id, 'role', n.role) || coalesce(plantao.actor_details(), '{}')
  FROM old_rows o JOIN new_rows n USING (group_id, user_id) WHERE n.role <> o.role;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_roles() IS 'Appends one event for each role that a statement changed.';
CREATE TRIGGER lock_log_first_for_role BEFORE UPDATE OF role ON plantao.memberships
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER log_role AFTER UPDATE ON plantao.memberships
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_roles();

CREATE FUNCTION plantao.require_owner() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (SELECT FROM plantao.memberships m WHERE m.group_id = NEW.group_id)
     AND NOT EXISTS (SELECT FROM plantao.memberships m WHERE m.group_id = NEW.group_id AND m.role = 'owner') THEN
    RAISE EXCEPTION 'group % would have no owner', NEW.group_id
      USING ERRCODE = 'check_violation', HINT = 'Make another member the owner in the same transaction.';
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.require_owner() IS
  'Raises an exception at the end of a transaction that took the role from the last owner of a group with members and made no other member its owner.';
-- At the end, so that one statement may take the role from an owner and the next one give it to another member.
CREATE CONSTRAINT TRIGGER require_owner AFTER UPDATE OF role ON plantao.memberships DEFERRABLE INITIALLY DEFERRED
  FOR EACH ROW WHEN (OLD.role = 'owner' AND NEW.role <> 'owner') EXECUTE FUNCTION plantao.require_owner();

CREATE TABLE plantao.departures (
  group_id bigint NOT NULL REFERENCES plantao.groups ON DELETE CASCADE,
  user_id  bigint NOT NULL REFERENCES plantao.users ON DELETE CASCADE,
  left_at  timestamptz NOT NULL DEFAULT now() CHECK (left_at >= '1970-01-01 UTC' AND left_at < '10000-01-01 UTC'),
  removed  boolean NOT NULL DEFAULT false,
  PRIMARY KEY (group_id, user_id)
);
COMMENT ON TABLE plantao.departures IS
  'Former members. Only an owner or admin can add them again; those who left may also join by invitation, those who were removed may not. DELETE a row to lift this.';
COMMENT ON COLUMN plantao.departures.group_id IS 'The group.';
COMMENT ON COLUMN plantao.departures.user_id IS 'The former member.';
COMMENT ON COLUMN plantao.departures.left_at IS 'When the membership ended.';
COMMENT ON COLUMN plantao.departures.removed IS 'True if an owner or admin removed the member.';
CREATE INDEX departures_by_user ON plantao.departures (user_id);
CREATE TRIGGER lock_log_first BEFORE DELETE OR UPDATE ON plantao.departures
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();

CREATE FUNCTION plantao.end_memberships() RETURNS trigger
-- Looks rows up by key: see add_reactions().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  actor text := current_setting('plantao.actor', true);
  heir record;
BEGIN
  -- The joins leave out users whose rows do not exist any more, and deleted groups: no user is added to one again.
  INSERT INTO plantao.departures (group_id, user_id, removed)
  SELECT c.group_id, c.user_id, coalesce(current_setting('plantao.removes_member', true) = pg_current_xact_id_if_assigned()::text, false)
  FROM changed c
  CROSS JOIN LATERAL (SELECT FROM plantao.groups WHERE id = c.group_id AND deleted_at IS NULL OFFSET 0) g
  CROSS JOIN LATERAL (SELECT FROM plantao.users WHERE id = c.user_id OFFSET 0) u
  ON CONFLICT DO NOTHING;
  -- No user chose the new owner, so the event names no actor.
  PERFORM set_config('plantao.actor', '', true);
  FOR heir IN
    SELECT former.group_id, next.user_id
    FROM (SELECT DISTINCT c.group_id FROM changed c WHERE c.role = 'owner'
          AND NOT EXISTS (SELECT FROM plantao.memberships o WHERE o.group_id = c.group_id AND o.role = 'owner' OFFSET 0)) former
    CROSS JOIN LATERAL (
      SELECT i.user_id FROM plantao.memberships i WHERE i.group_id = former.group_id
      ORDER BY i.role = 'admin' DESC, i.joined_at, i.user_id LIMIT 1) next
    ORDER BY former.group_id
  LOOP
    UPDATE plantao.memberships m SET role = 'owner' WHERE m.group_id = heir.group_id AND m.user_id = heir.user_id;
  END LOOP;
  PERFORM set_config('plantao.actor', coalesce(actor, ''), true);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.end_memberships() IS
  'Records the departures, and makes another member the owner of a group whose last owner left. All such changes lock the event log, so that of two owners who leave at once the second sees the departure of the first.';
CREATE TRIGGER then_hand_over AFTER DELETE ON plantao.memberships
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.end_memberships();

CREATE FUNCTION plantao.forget_departures() RETURNS trigger
-- Looks rows up by key: see add_reactions().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  DELETE FROM plantao.departures d WHERE d.ctid = ANY (ARRAY(
    SELECT o.ctid FROM changed c CROSS JOIN LATERAL (
      SELECT p.ctid FROM plantao.departures p WHERE p.group_id = c.group_id AND p.user_id = c.user_id OFFSET 0) o));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.forget_departures() IS 'Forgets the departure of a user who is a member again.';
CREATE TRIGGER forget_departure AFTER INSERT ON plantao.memberships
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.forget_departures();

CREATE FUNCTION plantao.log_group_changes() RETURNS trigger
-- Runs without nested loops: see log_edits().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM old_rows o JOIN new_rows n USING (id)
                 WHERE (n.name, n.description, n.shows_reads, n.archived_at, n.deleted_at)
                       IS DISTINCT FROM (o.name, o.description, o.shows_reads, o.archived_at, o.deleted_at)) THEN
    RETURN NULL;
  END IF;
  head := plantao.lock_log();
  INSERT INTO plantao.events (position, kind, group_id, topic, payload)
  SELECT head + row_number() OVER (ORDER BY n.id),
         CASE WHEN n.deleted_at IS NOT NULL AND o.deleted_at IS NULL THEN 'group_deleted' ELSE 'group_changed' END, n.id,
         -- Without the name of a direct chat: the log would keep those of erased accounts.
         CASE WHEN o.direct_low IS NULL AND (n.deleted_at IS NOT NULL OR n.name <> o.name) THEN o.name END,
         jsonb_build_object('name', CASE WHEN o.direct_low IS NULL THEN n.name END, 'description', n.description, 'archived', n.archived_at IS NOT NULL, 'shows_reads', n.shows_reads,
           'changed', to_jsonb(array_remove(ARRAY[
             CASE WHEN n.name <> o.name THEN 'name' END, CASE WHEN n.description <> o.description THEN 'description' END,
             CASE WHEN (n.archived_at IS NULL) <> (o.archived_at IS NULL) THEN 'archived' END,
             CASE WHEN n.shows_reads <> o.shows_reads THEN 'shows_reads' END], NULL))) || coalesce(plantao.actor_details(), '{}')
  FROM old_rows o JOIN new_rows n USING (id)
  WHERE (n.name, n.description, n.shows_reads, n.archived_at, n.deleted_at)
        IS DISTINCT FROM (o.name, o.description, o.shows_reads, o.archived_at, o.deleted_at);
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_group_changes() IS
  'Appends one event for each group whose name, description, archived state or shows_reads a statement changed, or whose deletion it began.';
CREATE TRIGGER lock_log_first_to_change BEFORE UPDATE OF name, description, shows_reads, archived_at, deleted_at ON plantao.groups
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER log_changed AFTER UPDATE ON plantao.groups
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_group_changes();

CREATE FUNCTION plantao.end_deleted_groups() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  deleted bigint[];
BEGIN
  -- Not a join, because its plan may be a nested loop: see log_edits().
  SELECT array_agg(d.id) INTO deleted
  FROM (SELECT n.id FROM new_rows n WHERE n.deleted_at IS NOT NULL EXCEPT SELECT o.id FROM old_rows o WHERE o.deleted_at IS NOT NULL) d;
  IF deleted IS NOT NULL THEN DELETE FROM plantao.memberships m WHERE m.group_id = ANY (deleted); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.end_deleted_groups() IS
  'Ends the memberships of groups whose deletion begins, after their members were notified, so that no check of a membership needs to know about deletions.';
CREATE TRIGGER then_end_memberships AFTER UPDATE ON plantao.groups
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION plantao.end_deleted_groups();

CREATE FUNCTION plantao.admit_to_group() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (SELECT FROM plantao.groups g WHERE g.id = NEW.group_id AND g.deleted_at IS NOT NULL) THEN
    RAISE EXCEPTION 'group % is being deleted', NEW.group_id
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'memberships_group_id_fkey', TABLE = 'memberships', SCHEMA = 'plantao';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.admit_to_group() IS 'Refuses new members of a group that is being deleted.';
CREATE TRIGGER admit_to_group BEFORE INSERT ON plantao.memberships
  FOR EACH ROW EXECUTE FUNCTION plantao.admit_to_group();

CREATE FUNCTION plantao.archive_deleted_group() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.archived_at := coalesce(NEW.archived_at, NEW.deleted_at);
  NEW.direct_low := NULL;
  NEW.direct_high := NULL;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.archive_deleted_group() IS
  'Archives a group whose deletion begins, so that it accepts no more posts. Two users whose direct chat is being deleted may open another.';
CREATE TRIGGER archive_deleted BEFORE UPDATE OF deleted_at, archived_at ON plantao.groups
  FOR EACH ROW WHEN (NEW.deleted_at IS NOT NULL) EXECUTE FUNCTION plantao.archive_deleted_group();

CREATE FUNCTION plantao.log_group_deletion() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head bigint := plantao.lock_log();
BEGIN
  INSERT INTO plantao.events (position, kind, group_id, topic, payload)
  VALUES (head + 1, 'group_deleted', OLD.id, CASE WHEN OLD.direct_low IS NULL THEN OLD.name END,
          jsonb_build_object('name', CASE WHEN OLD.direct_low IS NULL THEN OLD.name END, 'description', OLD.description, 'archived', OLD.archived_at IS NOT NULL,
                             'shows_reads', OLD.shows_reads));
  PERFORM plantao.hint('plantao_events', (head + 1)::text);
  RETURN OLD;
END $$;
COMMENT ON FUNCTION plantao.log_group_deletion() IS
  'Notifies the members of a group before its row is deleted: afterwards they are not members any more.';
CREATE TRIGGER log_deletion BEFORE DELETE ON plantao.groups
  FOR EACH ROW WHEN (OLD.deleted_at IS NULL) EXECUTE FUNCTION plantao.log_group_deletion();

-- The messages of a deleted group get no events of their own: group_deleted covers them.
CREATE FUNCTION plantao.log_removed_messages() RETURNS trigger
-- Looks rows up by key: see add_reactions().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM changed) THEN RETURN NULL; END IF;
  head := plantao.lock_log();
  INSERT INTO plantao.events (position, kind, group_id, message_id)
  SELECT head + row_number() OVER (ORDER BY c.id), 'message_deleted', c.group_id, c.id
  FROM changed c CROSS JOIN LATERAL (SELECT FROM plantao.groups WHERE id = c.group_id AND deleted_at IS NULL OFFSET 0) g;
  GET DIAGNOSTICS added = ROW_COUNT;
  IF added > 0 THEN PERFORM plantao.hint('plantao_events', (head + added)::text); END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_removed_messages() IS
  'Appends one event for each message that a statement removed, in the order of their ids; none for messages of a deleted group.';
CREATE TRIGGER log_removed AFTER DELETE ON plantao.messages
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_removed_messages();

CREATE FUNCTION plantao.delete_group(group_to_delete bigint, at_most integer DEFAULT 1000) RETURNS integer
-- Without sequential scans: a LIMIT makes one look cheap.
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  messages bigint[];
  room integer := at_most;
  removed integer;
BEGIN
  UPDATE plantao.groups g SET deleted_at = clock_timestamp() WHERE g.id = group_to_delete AND g.deleted_at IS NULL;
  messages := ARRAY(
    -- Rows are compared, as in src/database/sql/key-range.ts.
    SELECT o.id FROM plantao.messages o
    WHERE (o.group_id, o.id) > (group_to_delete, 0) AND (o.group_id, o.id) <= (group_to_delete, 9223372036854775807)
    ORDER BY o.group_id, o.id LIMIT room);
  -- Reactions come first, because the deletion of a message removes those that it still has.
  DELETE FROM plantao.reactions r WHERE r.ctid = ANY (ARRAY(
    SELECT o.ctid FROM plantao.reactions o WHERE o.message_id = ANY (messages) LIMIT room));
  GET DIAGNOSTICS removed = ROW_COUNT;
  room := room - removed;
  DELETE FROM plantao.messages m WHERE m.id = ANY (messages[1:room]);
  GET DIAGNOSTICS removed = ROW_COUNT;
  room := room - removed;
  IF room > 0 THEN DELETE FROM plantao.groups g WHERE g.id = group_to_delete; END IF;
  RETURN at_most - room;
END $$;
COMMENT ON FUNCTION plantao.delete_group(bigint, integer) IS
  'One step of the deletion of a group: notifies its members, removes at most at_most messages and reactions to them, and finally the group. Returns how many it removed; fewer than at_most means done. After the first step the active node continues by itself. Each step locks the event log for a few milliseconds.';

CREATE TABLE plantao.invitations (
  hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
  group_id   bigint NOT NULL REFERENCES plantao.groups ON DELETE CASCADE,
  created_by bigint REFERENCES plantao.users ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (created_at >= '1970-01-01 UTC' AND created_at < '10000-01-01 UTC'),
  expires_at timestamptz NOT NULL CHECK (expires_at >= '1970-01-01 UTC' AND expires_at < '10000-01-01 UTC'),
  uses_left  integer NOT NULL CHECK (uses_left BETWEEN 0 AND 10000)
);
COMMENT ON TABLE plantao.invitations IS 'Invitation links: the holder of the token may join the group. Revoke from psql: DELETE FROM plantao.invitations WHERE group_id = 7;';
COMMENT ON COLUMN plantao.invitations.hash IS 'SHA-256 of the token, which is 256 random bits and stored nowhere.';
COMMENT ON COLUMN plantao.invitations.group_id IS 'The group.';
COMMENT ON COLUMN plantao.invitations.created_by IS 'The owner or admin who created it; null with AUTH=open.';
COMMENT ON COLUMN plantao.invitations.created_at IS 'When it was created.';
COMMENT ON COLUMN plantao.invitations.expires_at IS 'When it expires: from then on it is refused.';
COMMENT ON COLUMN plantao.invitations.uses_left IS 'How many more users may join with it.';
CREATE INDEX invitations_by_group ON plantao.invitations (group_id, created_at);
CREATE INDEX invitations_by_creator ON plantao.invitations (created_by);
CREATE TRIGGER lock_log_first BEFORE DELETE OR UPDATE ON plantao.invitations
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
