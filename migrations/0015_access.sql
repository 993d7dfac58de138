-- Access of programs: hooks, which post to one group.

CREATE TABLE plantao.hooks (
  user_id    bigint PRIMARY KEY REFERENCES plantao.users ON DELETE CASCADE,
  group_id   bigint REFERENCES plantao.groups ON DELETE SET NULL,
  name       text NOT NULL CHECK (btrim(name) <> '' AND char_length(name) <= 40),
  hash       bytea NOT NULL UNIQUE CHECK (octet_length(hash) = 32),
  created_by bigint REFERENCES plantao.users ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (created_at >= '1970-01-01 UTC' AND created_at < '10000-01-01 UTC'),
  revoked_at timestamptz CHECK (revoked_at >= '1970-01-01 UTC' AND revoked_at < '10000-01-01 UTC')
);
COMMENT ON TABLE plantao.hooks IS
  'Incoming hooks: the holder of a hook''s token may post to its group, and do nothing else. Create one with plantao.create_hook(), end it with plantao.revoke_hook().';
COMMENT ON COLUMN plantao.hooks.user_id IS 'The sender of its messages: a row of plantao.users that no one can sign in to.';
COMMENT ON COLUMN plantao.hooks.group_id IS 'The group; null if it was deleted.';
COMMENT ON COLUMN plantao.hooks.name IS 'The name. Its messages show it between the sign of a hook and the number of the sender.';
COMMENT ON COLUMN plantao.hooks.hash IS 'SHA-256 of the token, which is 256 random bits and stored nowhere.';
COMMENT ON COLUMN plantao.hooks.created_by IS 'The owner or admin who created it; null if it was created with AUTH=open or from psql, or if that account was deleted.';
COMMENT ON COLUMN plantao.hooks.created_at IS 'When it was created.';
COMMENT ON COLUMN plantao.hooks.revoked_at IS 'Since when its token is refused; null if it is in use. Set too when its group or the account of its creator is deleted.';
CREATE INDEX hooks_by_group ON plantao.hooks (group_id);
CREATE INDEX hooks_by_creator ON plantao.hooks (created_by);
CREATE INDEX hooks_by_end ON plantao.hooks (revoked_at) WHERE revoked_at IS NOT NULL;

CREATE FUNCTION plantao.end_hook() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.revoked_at := coalesce(NEW.revoked_at, clock_timestamp());
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.end_hook() IS 'Revokes a hook whose group or creator is deleted.';
CREATE TRIGGER end_hook BEFORE UPDATE OF group_id, created_by ON plantao.hooks
  FOR EACH ROW WHEN (num_nulls(NEW.group_id, NEW.created_by) > num_nulls(OLD.group_id, OLD.created_by))
  EXECUTE FUNCTION plantao.end_hook();

CREATE FUNCTION plantao.refuse_hook_member() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM plantao.users u WHERE u.id = NEW.user_id AND u.is_hook) THEN
    RAISE EXCEPTION 'a hook is a member of no group'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_no_hook', TABLE = 'memberships', SCHEMA = 'plantao';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.refuse_hook_member() IS 'Refuses hooks as members of groups.';
CREATE TRIGGER refuse_hook_member BEFORE INSERT ON plantao.memberships
  FOR EACH ROW EXECUTE FUNCTION plantao.refuse_hook_member();

CREATE FUNCTION plantao.add_hook(to_group bigint, hook_name text, creator bigint, token_hash bytea) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  sender bigint;
BEGIN
  -- Everything that changes hooks locks the log first, so counts and checks hold until the commit.
  PERFORM plantao.lock_log();
  IF EXISTS (SELECT FROM plantao.hooks h WHERE h.group_id = to_group
             AND (h.revoked_at IS NULL OR h.revoked_at > clock_timestamp() - interval '1 day') OFFSET 99) THEN
    RAISE EXCEPTION 'a group may have 100 hooks, those included that were revoked within a day'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'hooks_limit', TABLE = 'hooks', SCHEMA = 'plantao';
  END IF;
  sender := nextval('plantao.users_id_seq');
  -- No password has this hash. The number makes the name unique.
  INSERT INTO plantao.users (id, username, password_hash, is_hook)
  VALUES (sender, format('%s %s #%s', chr(129693), hook_name, sender), '!', true);
  INSERT INTO plantao.hooks (user_id, group_id, name, hash, created_by) VALUES (sender, to_group, hook_name, token_hash, creator);
  -- The token of a hook that was revoked 90 days ago is then unknown. The sender's row stays, because messages refer to it.
  DELETE FROM plantao.hooks h WHERE h.user_id IN (
    SELECT o.user_id FROM plantao.hooks o WHERE o.revoked_at < clock_timestamp() - interval '90 days'
    ORDER BY o.revoked_at LIMIT 10);
  RETURN sender;
END $$;
COMMENT ON FUNCTION plantao.add_hook(bigint, text, bigint, bytea) IS
  'Creates a hook for a token with this SHA-256 and returns its id. Runs with the owner''s rights: the service itself does not write to plantao.hooks. Removes hooks that were revoked 90 days ago.';

CREATE FUNCTION plantao.create_hook(to_group bigint, hook_name text, creator bigint DEFAULT NULL, OUT hook_id bigint, OUT token text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Two random UUIDs have 244 random bits.
  token := translate(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64'), '+/=', '-_');
  hook_id := plantao.add_hook(to_group, hook_name, creator, sha256(convert_to(token, 'UTF8')));
END $$;
COMMENT ON FUNCTION plantao.create_hook(bigint, text, bigint) IS
  'Creates a hook of a group and returns its token, which is shown this once. From psql: SELECT * FROM plantao.create_hook(7, ''Backup''); then curl -d ''Backup finished'' http://localhost:8080/hooks/TOKEN';

CREATE FUNCTION plantao.revoke_hook(hook bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM plantao.lock_log();
  UPDATE plantao.hooks h SET revoked_at = clock_timestamp() WHERE h.user_id = hook AND h.revoked_at IS NULL;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION plantao.revoke_hook(bigint) IS
  'Revokes a hook; false if there is none, or it was revoked. Its messages stay. From psql: SELECT plantao.revoke_hook(user_id) FROM plantao.hooks WHERE group_id = 7;';
