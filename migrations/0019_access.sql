-- Access for programs and for the users of another application: hooks, which post to one group, and JWTs.

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
COMMENT ON COLUMN plantao.hooks.name IS 'The name. Its messages show it between the mark of a hook and the number of the sender.';
COMMENT ON COLUMN plantao.hooks.hash IS 'SHA-256 of the token, which is 256 random bits and stored nowhere.';
COMMENT ON COLUMN plantao.hooks.created_by IS 'The owner or admin who created it; null if it was created with AUTH=open or from psql, or if that account was deleted.';
COMMENT ON COLUMN plantao.hooks.created_at IS 'When it was created.';
COMMENT ON COLUMN plantao.hooks.revoked_at IS 'When it was revoked; null while it is in use. Set too when its group or the account of its creator is deleted.';
CREATE INDEX hooks_by_group ON plantao.hooks (group_id);
CREATE INDEX hooks_by_creator ON plantao.hooks (created_by);
CREATE INDEX hooks_by_end ON plantao.hooks (revoked_at) WHERE revoked_at IS NOT NULL;
CREATE TRIGGER lock_log_first BEFORE DELETE OR UPDATE ON plantao.hooks
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();

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

CREATE FUNCTION plantao.require_member_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF EXISTS (SELECT FROM plantao.users u WHERE u.id = NEW.user_id AND (u.is_hook OR u.erased_at IS NOT NULL)) THEN
    RAISE EXCEPTION 'hooks and deleted accounts are members of no group'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_account', TABLE = 'memberships', SCHEMA = 'plantao';
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.require_member_account() IS 'Refuses hooks and deleted accounts as members of groups.';
CREATE TRIGGER require_account BEFORE INSERT ON plantao.memberships
  FOR EACH ROW EXECUTE FUNCTION plantao.require_member_account();

CREATE FUNCTION plantao.add_hook(to_group bigint, hook_name text, creator bigint, token_hash bytea) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  sender bigint;
BEGIN
  -- Everything that changes hooks locks the log first, so counts and checks hold until the commit.
  PERFORM plantao.lock_log();
  IF EXISTS (SELECT FROM plantao.hooks h WHERE h.group_id = to_group
             AND (h.revoked_at IS NULL OR h.revoked_at > clock_timestamp() - interval '1 day') OFFSET 99) THEN
    RAISE EXCEPTION 'a group may have 100 hooks, including those revoked within the last day'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'hooks_limit', TABLE = 'hooks', SCHEMA = 'plantao';
  END IF;
  sender := nextval('plantao.users_id_seq');
  -- No password has this hash. The number makes the name unique.
  INSERT INTO plantao.users (id, username, password_hash, is_hook)
  VALUES (sender, format('%s %s #%s', chr(129693), hook_name, sender), '!', true);
  INSERT INTO plantao.hooks (user_id, group_id, name, hash, created_by) VALUES (sender, to_group, hook_name, token_hash, creator);
  -- The token of a hook that was revoked 90 days ago is then unknown. The sender's row stays, because messages refer to it.
  DELETE FROM plantao.hooks h WHERE h.user_id = ANY (ARRAY(
    SELECT o.user_id FROM plantao.hooks o WHERE o.revoked_at < (SELECT clock_timestamp() - interval '90 days')
    ORDER BY o.revoked_at LIMIT 10));
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
  'Creates a hook of a group and returns its token, which is shown only once. From psql: SELECT * FROM plantao.create_hook(7, ''Backup''); then curl -d ''Backup finished'' http://localhost:8080/hooks/TOKEN';

CREATE FUNCTION plantao.revoke_hook(hook bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM plantao.lock_log();
  UPDATE plantao.hooks h SET revoked_at = clock_timestamp() WHERE h.user_id = hook AND h.revoked_at IS NULL;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION plantao.revoke_hook(bigint) IS
  'Revokes a hook; false if there is none, or it was revoked before. Its messages stay. From psql: SELECT plantao.revoke_hook(user_id) FROM plantao.hooks WHERE group_id = 7;';

CREATE TABLE plantao.identities (
  issuer  text COLLATE "C" NOT NULL CHECK (char_length(issuer) BETWEEN 1 AND 255),
  subject text COLLATE "C" NOT NULL CHECK (char_length(subject) BETWEEN 1 AND 255),
  user_id bigint REFERENCES plantao.users ON DELETE SET NULL,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (created_at >= '1970-01-01 UTC' AND created_at < '10000-01-01 UTC'),
  revoked_before timestamptz CHECK (revoked_before >= '1970-01-01 UTC' AND revoked_before < '10000-01-01 UTC'),
  PRIMARY KEY (issuer, subject)
);
COMMENT ON TABLE plantao.identities IS
  'The accounts of users who sign in with JWTs of another application (JWT_ISSUER). A row is created with the first JWT of a user. An account of the same name is never used.';
COMMENT ON COLUMN plantao.identities.issuer IS 'The claim iss; or the word erased, if the account was deleted: only the hash of the identity is kept then, so that JWTs from before are refused. Such a row can be deleted once these have expired.';
COMMENT ON COLUMN plantao.identities.subject IS 'The claim sub: the user, as the other application knows it. For the issuer erased: plantao.identity_hash() of the former row, in hexadecimal.';
COMMENT ON COLUMN plantao.identities.user_id IS 'The account; null if its row in plantao.users was deleted, and for the issuer erased. A JWT that is issued after that creates another one.';
COMMENT ON COLUMN plantao.identities.created_at IS 'When the row was created.';
COMMENT ON COLUMN plantao.identities.revoked_before IS 'JWTs that were issued (iat) up to then are refused, on every node within a second of an UPDATE.';
CREATE INDEX identities_by_user ON plantao.identities (user_id);

CREATE TABLE plantao.revoked_jwts (
  hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
  expires_at timestamptz NOT NULL CHECK (expires_at >= '1970-01-01 UTC' AND expires_at < '10000-01-01 UTC')
);
COMMENT ON TABLE plantao.revoked_jwts IS 'JWTs whose users have logged out with them, until they expire.';
COMMENT ON COLUMN plantao.revoked_jwts.hash IS 'SHA-256 of the JWT.';
COMMENT ON COLUMN plantao.revoked_jwts.expires_at IS 'The claim exp.';
CREATE INDEX revoked_jwts_by_expiry ON plantao.revoked_jwts (expires_at);

CREATE FUNCTION plantao.identity_hash(issuer text, subject text) RETURNS bytea
LANGUAGE sql IMMUTABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT sha256(convert_to(issuer || chr(10) || subject, 'UTF8'))
$$;
COMMENT ON FUNCTION plantao.identity_hash(text, text) IS 'Returns the key under which nodes cache the JWTs of an identity.';

CREATE FUNCTION plantao.end_jwts() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF TG_OP = 'UPDATE' AND NEW.user_id IS NULL AND OLD.user_id IS NOT NULL THEN
    NEW.revoked_before := clock_timestamp();
  END IF;
  -- No JWT of a user without an account is in a cache; those for which the account is created now must stay there.
  IF TG_OP = 'UPDATE' AND OLD.user_id IS NULL AND NEW.user_id IS NOT NULL THEN RETURN NEW; END IF;
  PERFORM plantao.record_revocations(ARRAY[plantao.identity_hash(OLD.issuer, OLD.subject)]);
  RETURN CASE TG_OP WHEN 'UPDATE' THEN NEW ELSE OLD END;
END $$;
COMMENT ON FUNCTION plantao.end_jwts() IS
  'Evicts the JWTs of an identity from the nodes'' caches when they are revoked, when its account is deleted, and when its row changes.';
CREATE TRIGGER end_jwts BEFORE UPDATE OR DELETE ON plantao.identities
  FOR EACH ROW EXECUTE FUNCTION plantao.end_jwts();

CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.identities
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change('Use DELETE FROM plantao.identities: every node forgets the JWTs within a second.');
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.revoked_jwts
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change('There is no need to: expired rows are removed automatically.');

CREATE FUNCTION plantao.end_jwt() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  PERFORM plantao.record_revocations(ARRAY[NEW.hash]);
  DELETE FROM plantao.revoked_jwts r WHERE r.hash = ANY (ARRAY(
    SELECT o.hash FROM plantao.revoked_jwts o WHERE o.expires_at < (SELECT clock_timestamp() - interval '1 hour') ORDER BY o.expires_at
    LIMIT 10 FOR UPDATE SKIP LOCKED));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.end_jwt() IS 'Evicts a revoked JWT from the nodes'' caches, and removes a few that have expired.';
CREATE TRIGGER end_jwt AFTER INSERT ON plantao.revoked_jwts
  FOR EACH ROW EXECUTE FUNCTION plantao.end_jwt();

CREATE FUNCTION plantao.revoke_tokens(account bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  revoked bigint;
BEGIN
  WITH deleted AS (DELETE FROM plantao.tokens t WHERE t.user_id = account RETURNING t.expires_at)
  SELECT count(*) INTO revoked FROM deleted d WHERE d.expires_at > clock_timestamp();
  UPDATE plantao.identities i SET revoked_before = clock_timestamp() WHERE i.user_id = account;
  RETURN revoked;
END $$;
COMMENT ON FUNCTION plantao.revoke_tokens(bigint) IS
  'Revokes all tokens of a user, and all JWTs that were issued until now; every node refuses them within a second. Returns how many tokens were valid; JWTs are not counted. From psql: SELECT plantao.revoke_tokens(7);';

CREATE FUNCTION plantao.enter_by_identity(of_issuer text, of_subject text, names text[]) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  own plantao.identities;
  made bigint;
  wanted text;
BEGIN
  INSERT INTO plantao.identities (issuer, subject) VALUES (of_issuer, of_subject) ON CONFLICT DO NOTHING;
  -- Of two requests at once, the second waits here or above, and finds what the first has created.
  SELECT * INTO own FROM plantao.identities i WHERE i.issuer = of_issuer AND i.subject = of_subject FOR UPDATE;
  IF own.user_id IS NOT NULL THEN RETURN own.user_id; END IF;
  FOREACH wanted IN ARRAY names LOOP
    -- No password has this hash, so no one can sign in to the account by its name.
    INSERT INTO plantao.users (username, password_hash) VALUES (wanted, '!')
    ON CONFLICT (username_key) DO NOTHING RETURNING id INTO made;
    EXIT WHEN FOUND;
  END LOOP;
  IF made IS NULL THEN
    RAISE EXCEPTION 'all names for the account of this JWT are taken'
      USING ERRCODE = 'unique_violation', CONSTRAINT = 'users_username_key_key', TABLE = 'users', SCHEMA = 'plantao';
  END IF;
  UPDATE plantao.identities i SET user_id = made WHERE i.issuer = of_issuer AND i.subject = of_subject;
  RETURN made;
END $$;
COMMENT ON FUNCTION plantao.enter_by_identity(text, text, text[]) IS
  'Returns the account of a user who has a valid JWT, and creates it with the first of these names that is free.';
