-- Direct chats: the one group of two users.

ALTER TABLE plantao.groups
  ADD COLUMN direct_low bigint CHECK (direct_low BETWEEN 1 AND 9007199254740991),
  ADD COLUMN direct_high bigint CHECK (direct_high BETWEEN 1 AND 9007199254740991),
  ADD CONSTRAINT groups_direct_pair CHECK (num_nulls(direct_low, direct_high) = 2
                                           OR num_nulls(direct_low, direct_high) = 0 AND direct_low < direct_high),
  ADD CONSTRAINT groups_direct_key UNIQUE (direct_low, direct_high);
COMMENT ON COLUMN plantao.groups.direct_low IS
  'Of a direct chat, the smaller id of its two users; null for other groups. No foreign key: the chat outlives an account.';
COMMENT ON COLUMN plantao.groups.direct_high IS 'Of a direct chat, the greater id of its two users.';
-- Serves the search for a group whose name differs in case or accents only (POST /user/{id}/groups/{group}). Hashed, because a name
-- may be too long in this form for an index.
CREATE INDEX groups_by_search_name ON plantao.groups (hashtextextended(plantao.search_name(name), 0), id)
  WHERE direct_low IS NULL AND deleted_at IS NULL;
-- Serves the renaming of a user's direct chats, together with groups_direct_key.
CREATE INDEX groups_by_direct_high ON plantao.groups (direct_high) WHERE direct_high IS NOT NULL;

CREATE FUNCTION plantao.name_direct_chat() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.name := coalesce(
    (SELECT left(string_agg(u.username, ', ' ORDER BY u.id), 128) FROM plantao.users u WHERE u.id IN (NEW.direct_low, NEW.direct_high)),
    NEW.name);
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.name_direct_chat() IS 'Names a direct chat after its two users, whatever name was given.';
CREATE TRIGGER name_direct_chat BEFORE INSERT OR UPDATE OF name ON plantao.groups
  FOR EACH ROW WHEN (NEW.direct_low IS NOT NULL) EXECUTE FUNCTION plantao.name_direct_chat();

CREATE FUNCTION plantao.admit_to_direct_chat() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (SELECT FROM plantao.groups g WHERE g.id = NEW.group_id AND g.direct_low IS NOT NULL
             AND NEW.user_id NOT IN (g.direct_low, g.direct_high)) THEN
    RAISE EXCEPTION 'a direct chat has two members'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_direct', TABLE = 'memberships', SCHEMA = 'plantao',
            HINT = 'Create a group for more than two users.';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.admit_to_direct_chat() IS 'Refuses a third member of a direct chat.';
CREATE TRIGGER admit_to_direct_chat BEFORE INSERT ON plantao.memberships
  FOR EACH ROW EXECUTE FUNCTION plantao.admit_to_direct_chat();

CREATE FUNCTION plantao.direct_chat(one bigint, other bigint) RETURNS TABLE (group_id bigint, group_name text, is_new boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  found bigint;
BEGIN
  -- Of two calls at once, the second finds what the first has created.
  PERFORM plantao.lock_log();
  IF (SELECT count(*) FROM plantao.users u WHERE u.id IN (one, other) AND NOT u.is_hook AND u.erased_at IS NULL) < 2 THEN
    RAISE EXCEPTION 'a direct chat is between two accounts that exist'
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'users_account', TABLE = 'users', SCHEMA = 'plantao';
  END IF;
  SELECT g.id INTO found FROM plantao.groups g
  WHERE g.direct_low = least(one, other) AND g.direct_high = greatest(one, other);
  is_new := found IS NULL;
  IF is_new THEN
    -- A trigger names it.
    INSERT INTO plantao.groups (name, creator_id, direct_low, direct_high)
    VALUES ('', one, least(one, other), greatest(one, other)) RETURNING id INTO found;
  END IF;
  -- A user who has left is added again by this call. The other user is added only when the chat is created.
  INSERT INTO plantao.memberships (group_id, user_id)
  SELECT found, u.id FROM plantao.users u WHERE u.id = one OR is_new AND u.id = other
  ON CONFLICT DO NOTHING;
  group_id := found;
  SELECT g.name INTO group_name FROM plantao.groups g WHERE g.id = found;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION plantao.direct_chat(bigint, bigint) IS
  'Returns the direct chat of two users, and creates it if there is none. From psql: SELECT * FROM plantao.direct_chat(1, 2);';
