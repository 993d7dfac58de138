-- Sign-in: tokens, their revocation on every node within a second, and counts of wrong passwords.

CREATE TABLE plantao.tokens (
  hash       bytea PRIMARY KEY CHECK (octet_length(hash) = 32),
  user_id    bigint NOT NULL REFERENCES plantao.users ON DELETE CASCADE,
  created_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (created_at >= '1970-01-01 UTC' AND created_at < '10000-01-01 UTC'),
  expires_at timestamptz NOT NULL CHECK (expires_at >= '1970-01-01 UTC' AND expires_at < '10000-01-01 UTC'),
  proof      text NOT NULL DEFAULT 'operator' CHECK (proof IN ('name', 'password', 'operator')),
  device     text CHECK (char_length(device) <= 100)
);
COMMENT ON TABLE plantao.tokens IS
  'One row for each signed-in device. To revoke from psql: SELECT plantao.revoke_tokens(7), or DELETE the rows; every node refuses the tokens within a second.';
COMMENT ON COLUMN plantao.tokens.hash IS 'SHA-256 of the token. A fast hash is sufficient, because the token is 256 random bits; the token itself is not stored.';
COMMENT ON COLUMN plantao.tokens.user_id IS 'The account.';
COMMENT ON COLUMN plantao.tokens.created_at IS 'When the user signed in.';
COMMENT ON COLUMN plantao.tokens.expires_at IS 'When it expires. An UPDATE to an earlier time takes effect within a second.';
COMMENT ON COLUMN plantao.tokens.proof IS
  'How the user proved the identity: password, or name for a sign-in without a password (AUTH=open), which AUTH=token refuses. operator: inserted directly by a role that may write to this table.';
COMMENT ON COLUMN plantao.tokens.device IS 'The browser and the system, such as Firefox on Linux, for the list of the user''s sessions; null if unknown.';
-- Serves the removal of all tokens of a user, or of the oldest ones.
CREATE INDEX tokens_by_user ON plantao.tokens (user_id, created_at);
-- Serves the removal of expired tokens.
CREATE INDEX tokens_by_expiry ON plantao.tokens (expires_at);

-- Nodes cache tokens and read here which ones to evict. A row has the id of the transaction that wrote it: a node that reads the
-- rows of each transaction that began after its last read, or was in progress then, misses none, however late that one commits.
CREATE TABLE plantao.token_revocations (
  xid  xid8 NOT NULL DEFAULT pg_current_xact_id(),
  hash bytea NOT NULL CHECK (octet_length(hash) = 32),
  at   timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (at >= '1970-01-01 UTC' AND at < '10000-01-01 UTC')
);
COMMENT ON TABLE plantao.token_revocations IS 'Tokens that were revoked in the last minutes; nodes evict them from their caches.';
COMMENT ON COLUMN plantao.token_revocations.xid IS 'Id of the transaction that revoked the token.';
COMMENT ON COLUMN plantao.token_revocations.hash IS 'SHA-256 of the token.';
COMMENT ON COLUMN plantao.token_revocations.at IS 'When it was revoked.';
-- The table has no primary key: without this, rows could not be removed while a publication covers it.
ALTER TABLE plantao.token_revocations REPLICA IDENTITY FULL;
CREATE INDEX token_revocations_by_xid ON plantao.token_revocations (xid);
CREATE INDEX token_revocations_by_age ON plantao.token_revocations (at);

CREATE FUNCTION plantao.record_revocations(hashes bytea[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  IF cardinality(hashes) = 0 THEN RETURN; END IF;
  INSERT INTO plantao.token_revocations (hash) SELECT unnest(hashes);
  PERFORM plantao.hint('plantao_tokens', '');
  -- A node that has not read the table for a minute clears its cache, so ten minutes are ample. At most 200 rows each time. The
  -- clock is read in a subquery, here and in every such removal: no index serves a comparison with a volatile function, and
  -- PostgreSQL would read all rows that stay.
  DELETE FROM plantao.token_revocations WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM plantao.token_revocations WHERE at < (SELECT clock_timestamp() - interval '10 minutes')
    ORDER BY at LIMIT 200 FOR UPDATE SKIP LOCKED));
END $$;
COMMENT ON FUNCTION plantao.record_revocations(bytea[]) IS
  'Records the hashes that the nodes must evict from their caches: those of tokens, or of the identities of JWTs (plantao.identity_hash).';

CREATE FUNCTION plantao.log_revocations() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Nodes refuse expired tokens anyway.
  PERFORM plantao.record_revocations(ARRAY(SELECT hash FROM gone WHERE expires_at > clock_timestamp()));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_revocations() IS 'Records tokens that were deleted or changed, and notifies the nodes.';

CREATE TRIGGER log_removed AFTER DELETE ON plantao.tokens
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_revocations();
-- Nodes read a changed row again, so an earlier expiry takes effect at once.
CREATE TRIGGER log_changed AFTER UPDATE ON plantao.tokens
  REFERENCING OLD TABLE AS gone FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_revocations();
CREATE TRIGGER refuse_change BEFORE UPDATE OF hash, user_id ON plantao.tokens
  FOR EACH ROW EXECUTE FUNCTION plantao.refuse_change('DELETE the token: nodes would keep its user in their caches.');
-- TRUNCATE fires no DELETE trigger, so nodes would keep accepting cached tokens.
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.tokens
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change('Use DELETE FROM plantao.tokens: every node refuses the tokens within a second.');
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.token_revocations
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change('There is no need to: rows older than ten minutes are removed automatically.');

CREATE FUNCTION plantao.issue_token(owner bigint, token_hash bytea, life interval, most integer, proof text DEFAULT 'operator', device text DEFAULT NULL)
RETURNS timestamptz
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  ends timestamptz := clock_timestamp() + life;
BEGIN
  INSERT INTO plantao.tokens (hash, user_id, expires_at, proof, device)
    VALUES (token_hash, owner, ends, issue_token.proof, issue_token.device);
  PERFORM plantao.require_stored(0, 1, 'tokens') WHERE NOT FOUND;
  DELETE FROM plantao.tokens WHERE hash = ANY (ARRAY(
    SELECT hash FROM plantao.tokens WHERE user_id = owner ORDER BY created_at DESC OFFSET most));
  DELETE FROM plantao.tokens WHERE hash = ANY (ARRAY(
    SELECT hash FROM plantao.tokens WHERE expires_at < (SELECT clock_timestamp())
    ORDER BY expires_at LIMIT 10 FOR UPDATE SKIP LOCKED));
  RETURN ends;
END $$;
COMMENT ON FUNCTION plantao.issue_token(bigint, bytea, interval, integer, text, text) IS
  'Stores the hash of a new token, what the user proved and the device, and returns when the token expires. Revokes the oldest tokens of the user beyond the given number, and removes a few expired ones of any user.';

-- A trigger, so that changing a password in psql revokes the tokens too. A sign-in in progress needs no extra lock: it locks the
-- user's row until its token is stored, so this statement sees that token.
CREATE FUNCTION plantao.revoke_tokens_of_account() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM plantao.revoke_tokens(NEW.id);
  DELETE FROM plantao.known_networks WHERE user_id = NEW.id;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.revoke_tokens_of_account() IS
  'Revokes all tokens and removes the known networks of an account whose password is set, changed or removed: the old password may be known to others. Runs with the owner''s rights: a role that may change passwords needs no right on tokens.';
CREATE TRIGGER revoke_tokens AFTER UPDATE OF password_hash ON plantao.users
  FOR EACH ROW WHEN (OLD.password_hash IS DISTINCT FROM NEW.password_hash) EXECUTE FUNCTION plantao.revoke_tokens_of_account();

-- Counts of attempts in windows of fixed length, shared by all nodes and measured by this server's clock.
CREATE TABLE plantao.sign_in_attempts (
  key    varchar(255) COLLATE "C" PRIMARY KEY,
  points integer NOT NULL DEFAULT 0,
  expire bigint
);
COMMENT ON TABLE plantao.sign_in_attempts IS
  'Wrong passwords and registrations in the current window, counted for all nodes. To unlock an account: DELETE FROM plantao.sign_in_attempts WHERE key = ''account:7'' OR key LIKE ''account:7 %'';';
COMMENT ON COLUMN plantao.sign_in_attempts.key IS
  'account:<user id> from <network> or on <device>; account:<user id> for all unknown networks together; name:<hash> in place of account:<user id> if there is no such account; address:<network>; register:<network>.';
COMMENT ON COLUMN plantao.sign_in_attempts.points IS 'Number of attempts.';
COMMENT ON COLUMN plantao.sign_in_attempts.expire IS 'End of the window, in milliseconds since 1970 by PostgreSQL''s clock.';
CREATE INDEX sign_in_attempts_by_expiry ON plantao.sign_in_attempts (expire);

CREATE FUNCTION plantao.sweep_sign_in_attempts() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  DELETE FROM plantao.sign_in_attempts WHERE key = ANY (ARRAY(
    -- As bigint: the index serves no comparison with a numeric.
    SELECT key FROM plantao.sign_in_attempts WHERE expire < (SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint - 60000)
    ORDER BY expire LIMIT 10 FOR UPDATE SKIP LOCKED));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.sweep_sign_in_attempts() IS 'Removes up to ten expired counts with each new one, so that the table stays small.';
CREATE TRIGGER sweep AFTER INSERT ON plantao.sign_in_attempts
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.sweep_sign_in_attempts();

-- lock_timeout: a session that locks a count, or the whole table, must not block every sign-in; the node then counts in memory.
CREATE FUNCTION plantao.count_attempt(keys text[], most integer[], lasts interval)
RETURNS TABLE (full_at integer, wait_ms bigint)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms' SET enable_seqscan = off AS $$
DECLARE
  now_ms bigint := floor(extract(epoch FROM clock_timestamp()) * 1000);
  ends_ms bigint := now_ms + floor(extract(epoch FROM lasts) * 1000);
  -- A row whose window ends later than this was written before the clock was set back, and starts a new window. The minute is for
  -- concurrent calls: one that began later may have written the row while this one waited for it.
  last_ms bigint := ends_ms + 60000;
  counted integer;
BEGIN
  -- A count does not wait for a synchronous standby.
  PERFORM set_config('synchronous_commit', 'local', true);
  SELECT asked.at, a.expire - now_ms INTO full_at, wait_ms
  FROM unnest(keys, most) WITH ORDINALITY AS asked (key, most, at)
  -- OFFSET 0: by key. PostgreSQL may otherwise read all counts whose window has not ended.
  CROSS JOIN LATERAL (SELECT points, expire FROM plantao.sign_in_attempts WHERE key = asked.key OFFSET 0) a
  WHERE a.points >= asked.most AND a.expire > now_ms AND a.expire <= last_ms
  ORDER BY a.expire DESC LIMIT 1;
  IF FOUND THEN RETURN NEXT; RETURN; END IF;
  FOR at IN 1 .. cardinality(keys) LOOP
    INSERT INTO plantao.sign_in_attempts AS a (key, points, expire) VALUES (keys[at], 1, ends_ms)
    ON CONFLICT (key) DO UPDATE SET
      points = CASE WHEN a.expire > now_ms AND a.expire <= last_ms THEN least(a.points, 1000000000) + 1 ELSE 1 END,
      expire = CASE WHEN a.expire > now_ms AND a.expire <= last_ms THEN a.expire ELSE ends_ms END
    RETURNING a.points, at, a.expire - now_ms INTO counted, full_at, wait_ms;
    -- Another call counted since the check above.
    IF counted > most[at] THEN RETURN NEXT; RETURN; END IF;
  END LOOP;
END $$;
COMMENT ON FUNCTION plantao.count_attempt(text[], integer[], interval) IS
  'Counts one attempt under each key and returns no row. If a key has reached its maximum, counts nothing and returns its index and the milliseconds until its window ends.';

CREATE FUNCTION plantao.give_back_attempt(keys text[], forgotten text[]) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms' SET enable_seqscan = off AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  DELETE FROM plantao.sign_in_attempts a WHERE a.key = ANY (forgotten);
  -- In the order in which count_attempt() counted them, so that two calls cannot deadlock.
  FOR at IN 1 .. cardinality(keys) LOOP
    UPDATE plantao.sign_in_attempts a SET points = greatest(a.points - 1, 0) WHERE a.key = keys[at];
  END LOOP;
END $$;
COMMENT ON FUNCTION plantao.give_back_attempt(text[], text[]) IS
  'Called when the password was right: subtracts one attempt under each key in keys, and removes the counts of the keys in forgotten.';

CREATE TABLE plantao.known_networks (
  user_id bigint NOT NULL REFERENCES plantao.users ON DELETE CASCADE,
  network text COLLATE "C" NOT NULL CHECK (char_length(network) <= 64),
  last_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (last_at >= '1970-01-01 UTC' AND last_at < '10000-01-01 UTC'),
  PRIMARY KEY (user_id, network)
);
COMMENT ON TABLE plantao.known_networks IS
  'Networks from which the user signed in with the password: wrong passwords from elsewhere do not lock these out.';
COMMENT ON COLUMN plantao.known_networks.user_id IS 'The account.';
COMMENT ON COLUMN plantao.known_networks.network IS 'An IPv4 address, or the first 64 bits of an IPv6 address.';
COMMENT ON COLUMN plantao.known_networks.last_at IS 'Last sign-in, to the hour. The network is known for 90 days.';

CREATE FUNCTION plantao.remember_network(account bigint, from_network text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms' SET enable_seqscan = off AS $$
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  INSERT INTO plantao.known_networks AS k (user_id, network) VALUES (account, from_network)
  ON CONFLICT (user_id, network) DO UPDATE SET last_at = clock_timestamp()
    WHERE k.last_at NOT BETWEEN clock_timestamp() - interval '1 hour' AND clock_timestamp();
  IF NOT FOUND THEN RETURN; END IF;
  DELETE FROM plantao.known_networks WHERE ctid = ANY (ARRAY(
    SELECT ctid FROM plantao.known_networks k WHERE k.user_id = account ORDER BY k.last_at DESC OFFSET 20 FOR UPDATE SKIP LOCKED));
END $$;
COMMENT ON FUNCTION plantao.remember_network(bigint, text) IS 'Records that the user signed in from a network. Keeps the twenty newest for each account.';

CREATE FUNCTION plantao.known_client(account bigint, from_network text, token_hash bytea) RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp SET lock_timeout = '250ms' AS $$
  SELECT CASE
    WHEN EXISTS (SELECT FROM plantao.tokens t WHERE t.hash = token_hash AND t.user_id = account
                 AND t.proof <> 'name' AND t.expires_at > clock_timestamp()) THEN 'device'
    WHEN EXISTS (SELECT FROM plantao.known_networks k WHERE k.user_id = account AND k.network = from_network
                 AND k.last_at > clock_timestamp() - interval '90 days') THEN 'network'
  END
$$;
COMMENT ON FUNCTION plantao.known_client(bigint, text, bytea) IS
  'Returns device if the token is a valid one of this account, network if the user has signed in from that network before, else null.';
