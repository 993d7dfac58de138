-- Posting: one call, one commit and one NOTIFY for a batch of messages.

CREATE TABLE plantao.idempotency_keys (
  sender_id    bigint NOT NULL CHECK (sender_id BETWEEN 1 AND 9007199254740991),
  key          text COLLATE "C" NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
  group_id     bigint NOT NULL CHECK (group_id BETWEEN 1 AND 9007199254740991),
  content_hash bytea NOT NULL CHECK (octet_length(content_hash) = 32),
  message_id   bigint NOT NULL CHECK (message_id BETWEEN 1 AND 9007199254740991),
  position     bigint NOT NULL CHECK (position BETWEEN 1 AND 9007199254740991),
  sent_at      timestamptz NOT NULL CHECK (sent_at >= '1970-01-01 UTC' AND sent_at < '10000-01-01 UTC'),
  PRIMARY KEY (sender_id, key)
);
COMMENT ON TABLE plantao.idempotency_keys IS 'The response to each POST /messages with an Idempotency-Key, so that a retry gets the same response.';
COMMENT ON COLUMN plantao.idempotency_keys.sender_id IS 'The sender. Each sender has separate keys.';
COMMENT ON COLUMN plantao.idempotency_keys.key IS 'The header Idempotency-Key.';
COMMENT ON COLUMN plantao.idempotency_keys.group_id IS 'Group of the first message; another group under the same key is refused.';
COMMENT ON COLUMN plantao.idempotency_keys.content_hash IS 'SHA-256 of the text, of what it replies to and of its meta; the same key with another message is refused.';
COMMENT ON COLUMN plantao.idempotency_keys.message_id IS 'The message.';
COMMENT ON COLUMN plantao.idempotency_keys.position IS 'Position of its event in the log.';
COMMENT ON COLUMN plantao.idempotency_keys.sent_at IS 'When it was sent; retention removes the key IDEMPOTENCY_RETENTION_HOURS later.';
CREATE INDEX idempotency_keys_by_age ON plantao.idempotency_keys (sent_at);

CREATE TABLE plantao.request_keys (
  owner_id     bigint NOT NULL CHECK (owner_id BETWEEN 0 AND 9007199254740991),
  key          text COLLATE "C" NOT NULL CHECK (char_length(key) BETWEEN 1 AND 255),
  request_hash bytea NOT NULL CHECK (octet_length(request_hash) = 32),
  result       jsonb CHECK (octet_length(result::text) <= 4194304),
  used_at      timestamptz NOT NULL CHECK (used_at >= '1970-01-01 UTC' AND used_at < '10000-01-01 UTC'),
  PRIMARY KEY (owner_id, key)
);
COMMENT ON TABLE plantao.request_keys IS 'The result of each request with an Idempotency-Key that creates or notifies (such as POST /create-chat and /notify), so that a retry gets the same response. Messages have plantao.idempotency_keys.';
COMMENT ON COLUMN plantao.request_keys.owner_id IS 'The user who sent the request, each with separate keys; 0 if it has none.';
COMMENT ON COLUMN plantao.request_keys.key IS 'SHA-256 of the header Idempotency-Key, in hexadecimal. With the header itself, a reader of this table could compute the tokens of invitations and hooks.';
COMMENT ON COLUMN plantao.request_keys.request_hash IS 'SHA-256 of the request; another request under the same key is refused.';
COMMENT ON COLUMN plantao.request_keys.result IS 'The result. It is stored by the transaction of the request, so NULL is never visible to others.';
COMMENT ON COLUMN plantao.request_keys.used_at IS 'When the key was used; retention removes it IDEMPOTENCY_RETENTION_HOURS later.';
CREATE INDEX request_keys_by_age ON plantao.request_keys (used_at);

CREATE FUNCTION plantao.find_result(for_owner bigint, request_key text, hash bytea, OUT is_same boolean, OUT stored jsonb)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  SELECT r.request_hash = hash, r.result INTO is_same, stored
  FROM plantao.request_keys r WHERE (r.owner_id, r.key) = (for_owner, request_key);
  -- The first request may have been abandoned while it waited for a synchronous standby. This record makes the commit of the
  -- repeated one wait, as in plantao.post_messages().
  IF is_same AND current_setting('synchronous_standby_names') <> '' THEN
    PERFORM pg_logical_emit_message(true, 'plantao', '');
  END IF;
END $$;
COMMENT ON FUNCTION plantao.find_result(bigint, text, bytea) IS
  'Returns the result of an earlier request with this idempotency key. is_same says whether it was the same request; null if the key was not used.';

CREATE FUNCTION plantao.claim_request_key(
  for_owner bigint, request_key text, hash bytea, OUT is_new boolean, OUT is_same boolean, OUT stored jsonb
)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  FOR attempt IN 1 .. 100 LOOP
    -- Waits for a concurrent request with this key, until it has stored its result or failed.
    INSERT INTO plantao.request_keys (owner_id, key, request_hash, used_at)
    VALUES (for_owner, request_key, hash, clock_timestamp())
    ON CONFLICT DO NOTHING;
    is_new := FOUND;
    IF is_new THEN RETURN; END IF;
    SELECT f.is_same, f.stored INTO is_same, stored FROM plantao.find_result(for_owner, request_key, hash) f;
    IF is_same IS NOT NULL THEN RETURN; END IF;
    -- Retention has removed the key between the two statements: try again.
  END LOOP;
  PERFORM plantao.require_stored(0, 1, 'request_keys');
END $$;
COMMENT ON FUNCTION plantao.claim_request_key(bigint, text, bytea) IS
  'Claims an idempotency key for the request of this transaction. is_new: it was not used before. Otherwise is_same says whether it was the same request, and stored is its result.';

CREATE FUNCTION plantao.store_result(for_owner bigint, request_key text, new_result jsonb) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp
AS 'UPDATE plantao.request_keys SET result = new_result WHERE (owner_id, key) = (for_owner, request_key)';
COMMENT ON FUNCTION plantao.store_result(bigint, text, jsonb) IS
  'Stores the result of the request that has claimed the key in this transaction.';

CREATE FUNCTION plantao.post_messages(
  under_term bigint, members_only boolean,
  senders bigint[], group_ids bigint[], contents text[], keys text[],
  replies bigint[] DEFAULT NULL, metas text[] DEFAULT NULL, replicated_only boolean[] DEFAULT NULL,
  from_hooks boolean[] DEFAULT NULL
) RETURNS TABLE (outcome text, message_id bigint, sent_at timestamptz, log_position bigint, durable text)
LANGUAGE plpgsql
-- One plan for batches of every size, with index scans even if it is made while the tables are small. Planning each batch takes
-- longer than storing a small one, and a plan from when the tables were small would scan them sequentially.
SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  -- An empty batch requires neither term nor log. It runs every statement and stores nothing (plantao.warm_up_post).
  is_empty boolean := cardinality(senders) = 0;
  keyed boolean := is_empty OR cardinality(array_remove(keys, NULL)) > 0;
  -- For posts whose keys are known; null for the others.
  known_ids bigint[];
  known_at timestamptz[];
  known_positions bigint[];
  is_repeated boolean[];
  valid_hooks boolean[];
  outcomes text[];
  ids bigint[];
  earlier_at timestamptz[];
  positions bigint[];
  sent integer;
  stored integer;
  head bigint;
  before bigint;
  durability text := plantao.commit_durability();
BEGIN
  PERFORM plantao.assert_term(under_term) WHERE NOT is_empty;
  -- Before any lookup: a batch whose response was lost may still be committing, and its keys must be visible. A group or user
  -- that exists now stays until the commit, because deleting it locks the log first too.
  head := CASE WHEN NOT is_empty THEN plantao.lock_log() END;

  -- A statement locks every table that it names. Those of keys and hooks are therefore in statements of their own, which only posts
  -- with a key and posts of hooks need: a session that locks one of these tables (VACUUM FULL) stops no other post.
  IF keyed THEN
    SELECT array_agg(k.message_id), array_agg(k.sent_at), array_agg(k.position), array_agg(k.is_same)
    INTO known_ids, known_at, known_positions, is_repeated
    FROM (
      SELECT i.message_id, i.sent_at, i.position, i.group_id = p.group_id AND i.content_hash =
               sha256(convert_to(p.content || coalesce(chr(31) || p.reply_to, '') || coalesce(chr(30) || p.meta, ''), 'UTF8')) AS is_same
      FROM unnest(senders, group_ids, contents, keys, replies, metas) WITH ORDINALITY
        AS p (sender, group_id, content, key, reply_to, meta, n)
      LEFT JOIN LATERAL (SELECT * FROM plantao.idempotency_keys WHERE sender_id = p.sender AND key = p.key OFFSET 0) i ON true
      ORDER BY p.n OFFSET 0
    ) k;
  END IF;
  IF is_empty OR from_hooks IS NOT NULL THEN
    -- Revoking a hook locks the log first, so a hook that is valid here is valid at the commit.
    SELECT array_agg(v.is_valid) INTO valid_hooks
    FROM (
      SELECT h.user_id IS NOT NULL AS is_valid
      FROM unnest(senders, group_ids, from_hooks) WITH ORDINALITY AS p (sender, group_id, from_hook, n)
      LEFT JOIN LATERAL (SELECT user_id FROM plantao.hooks
                         WHERE p.from_hook AND user_id = p.sender AND group_id = p.group_id AND revoked_at IS NULL OFFSET 0) h ON true
      ORDER BY p.n OFFSET 0
    ) v;
  END IF;

  -- positions: for a new message its number among the new ones, until the log has assigned the position. Each OFFSET 0 prevents
  -- the planner from merging the subqueries: at most four lookups for each message, five in a direct chat, and none that the batch does not need.
  SELECT array_agg(j.outcome),
         array_agg(CASE j.outcome WHEN 'sent' THEN nextval('plantao.messages_id_seq') ELSE j.earlier_id END),
         array_agg(j.earlier_at),
         array_agg(CASE j.outcome WHEN 'sent' THEN j.place ELSE j.earlier_position END),
         count(*) FILTER (WHERE j.outcome = 'sent')
  INTO outcomes, ids, earlier_at, positions, sent
  FROM (
    SELECT o.*, count(*) FILTER (WHERE o.outcome = 'sent') OVER (ORDER BY o.n) AS place
    FROM (
      SELECT p.n, p.known_id AS earlier_id, p.known_at AS earlier_at, p.known_position AS earlier_position,
             -- A known key first: a retry gets the first result even if the sender has been removed from the group since.
             CASE WHEN p.is_repeated THEN
                    CASE WHEN p.replicated_only AND durability = 'local' THEN 'not_replicated' ELSE 'repeated' END
                  WHEN p.known_id IS NOT NULL THEN 'key_reused'
                  -- A hook's id is accepted from a hook only, and a user's id from a user only.
                  WHEN u.id IS NULL OR u.is_hook <> coalesce(p.from_hook, false) THEN 'user_not_found'
                  WHEN p.from_hook AND NOT p.is_valid_hook THEN 'hook_revoked'
                  -- Before group_not_found, so that non-members do not learn which groups exist.
                  WHEN members_only AND m.user_id IS NULL AND p.from_hook IS NOT TRUE THEN 'not_a_member'
                  WHEN g.id IS NULL THEN 'group_not_found'
                  WHEN g.archived_at IS NOT NULL THEN 'group_archived'
                  WHEN d.id IS NOT NULL THEN 'account_deleted'
                  WHEN p.reply_to IS NOT NULL AND r.id IS NULL THEN 'reply_not_found'
                  WHEN p.replicated_only AND durability = 'local' THEN 'not_replicated'
                  ELSE 'sent' END AS outcome
      FROM unnest(senders, group_ids, replies, replicated_only, from_hooks, valid_hooks, known_ids, known_at, known_positions,
                  is_repeated) WITH ORDINALITY
        AS p (sender, group_id, reply_to, replicated_only, from_hook, is_valid_hook, known_id, known_at, known_position, is_repeated, n)
      LEFT JOIN LATERAL (SELECT id, is_hook FROM plantao.users WHERE id = p.sender AND erased_at IS NULL OFFSET 0) u ON true
      LEFT JOIN LATERAL (SELECT id, archived_at, direct_low, direct_high FROM plantao.groups
                         WHERE id = p.group_id AND deleted_at IS NULL OFFSET 0) g ON true
      -- Of a direct chat only. Deleting an account locks the log first, so one that is in use here is in use at the commit.
      LEFT JOIN LATERAL (SELECT id FROM plantao.users
                         WHERE g.direct_low IS NOT NULL AND id = ANY (ARRAY[g.direct_low, g.direct_high])
                           AND erased_at IS NOT NULL LIMIT 1) d ON true
      LEFT JOIN LATERAL (SELECT user_id FROM plantao.memberships
                         WHERE members_only AND group_id = p.group_id AND user_id = p.sender OFFSET 0) m ON true
      LEFT JOIN LATERAL (SELECT id FROM plantao.messages
                         WHERE replies IS NOT NULL AND id = p.reply_to AND group_id = p.group_id OFFSET 0) r ON true
      ORDER BY p.n OFFSET 0
    ) o
    ORDER BY o.n
  ) j;

  IF sent > 0 OR is_empty THEN
    INSERT INTO plantao.messages (id, group_id, sender_id, content, reply_to_id, meta, idempotency_key)
    SELECT p.id, p.group_id, p.sender, p.content, p.reply_to, p.meta::jsonb, p.key
    FROM unnest(senders, group_ids, contents, keys, replies, metas, ids, outcomes)
      AS p (sender, group_id, content, key, reply_to, meta, id, outcome)
    WHERE p.outcome = 'sent';
    GET DIAGNOSTICS stored = ROW_COUNT;
    PERFORM plantao.require_stored(stored, sent, 'messages');
    -- The trigger has appended them in the order of their ids, and this transaction holds the log, so the last of them is
    -- the head, unless there are more events.
    before := plantao.log_head() - sent;
    PERFORM plantao.require_stored(sent - (head - before), sent, 'events') WHERE before < head;
    IF before > head THEN
      -- A DBA's trigger has sent messages too: their events are before or after these, which are consecutive.
      SELECT e.position - 1 INTO before FROM plantao.events e
      WHERE e.position > head AND e.kind = 'message'
        AND e.message_id = (SELECT min(p.id) FROM unnest(ids, outcomes) AS p (id, outcome) WHERE p.outcome = 'sent')
      LIMIT 1;
      PERFORM plantao.require_stored(0, sent, 'events') WHERE before IS NULL;
    END IF;
    IF keyed THEN
      INSERT INTO plantao.idempotency_keys (sender_id, key, group_id, content_hash, message_id, position, sent_at)
      SELECT p.sender, p.key, p.group_id, sha256(convert_to(p.content || coalesce(chr(31) || p.reply_to, '') || coalesce(chr(30) || p.meta, ''), 'UTF8')), p.id, before + p.position, now()
      FROM unnest(senders, group_ids, contents, keys, replies, metas, ids, outcomes, positions)
        AS p (sender, group_id, content, key, reply_to, meta, id, outcome, position)
      WHERE p.outcome = 'sent' AND p.key IS NOT NULL;
      GET DIAGNOSTICS stored = ROW_COUNT;
      PERFORM plantao.require_stored(stored, (SELECT count(*) FROM unnest(keys, outcomes) AS p (key, outcome)
                                              WHERE p.outcome = 'sent' AND p.key IS NOT NULL), 'idempotency_keys');
    END IF;
  END IF;

  -- A transaction that writes nothing does not wait for a synchronous standby. The first post may have been abandoned while it
  -- waited, so a repeated one writes a record: its commit returns only after everything before it is replicated too.
  IF sent = 0 AND 'repeated' = ANY (outcomes) AND current_setting('synchronous_standby_names') <> '' THEN
    PERFORM pg_logical_emit_message(true, 'plantao', '');
  END IF;

  RETURN QUERY
  SELECT p.outcome, p.id, coalesce(p.earlier_at, now()),
         CASE p.outcome WHEN 'sent' THEN before + p.position ELSE p.position END, durability
  FROM unnest(outcomes, ids, earlier_at, positions) WITH ORDINALITY AS p (outcome, id, earlier_at, position, n)
  ORDER BY p.n;
END $$;
COMMENT ON FUNCTION plantao.post_messages(bigint, boolean, bigint[], bigint[], text[], text[], bigint[], text[], boolean[], boolean[]) IS
  'Stores a batch of messages under a term and returns one row for each, in the given order. outcome: sent, repeated (known key, the first result again), key_reused (another group or text under that key), user_not_found, group_not_found, not_a_member, group_archived, account_deleted (of the other user of a direct chat), reply_not_found (no such message in that group), hook_revoked (from_hooks: the sender is not, or no longer, a hook of that group), not_replicated (replicated_only, and the commit would wait for this server only). durable is plantao.commit_durability(). A refused post does not affect the others. No two posts of a call may have the same sender and key.';

CREATE FUNCTION plantao.post_message(
  group_id bigint, sender_id bigint, content text, key text DEFAULT NULL, durable text DEFAULT 'local'
) RETURNS TABLE (message_id bigint, sent_at timestamptz, log_position bigint, repeated boolean, durability text)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  known plantao.idempotency_keys;
  hash bytea := sha256(convert_to(content, 'UTF8'));
BEGIN
  durability := plantao.commit_durability();
  IF post_message.durable = 'replicated' AND durability = 'local' THEN
    RAISE EXCEPTION 'the commit would wait for this server only, not for a synchronous standby' USING ERRCODE = 'PT005',
      HINT = 'Set synchronous_standby_names, and synchronous_commit to on or remote_apply: TABLE plantao.durability shows the standbys.';
  END IF;
  log_position := plantao.lock_log();
  IF post_message.key IS NOT NULL THEN
    SELECT * INTO known FROM plantao.idempotency_keys k WHERE k.sender_id = post_message.sender_id AND k.key = post_message.key;
  END IF;
  repeated := known.key IS NOT NULL;
  IF repeated THEN
    IF known.group_id <> post_message.group_id OR known.content_hash <> hash THEN
      RAISE EXCEPTION 'this key was used for another message' USING ERRCODE = 'PT006', HINT = 'Use a new key for each message.';
    END IF;
    message_id := known.message_id;
    sent_at := known.sent_at;
    log_position := known.position;
    -- A record in the write-ahead log, so that this commit waits for the standbys as that of the first call did.
    PERFORM pg_logical_emit_message(true, 'plantao', '');
  ELSE
    IF EXISTS (SELECT FROM plantao.users u WHERE u.id = post_message.sender_id AND u.erased_at IS NOT NULL) THEN
      RAISE EXCEPTION 'account % is deleted', post_message.sender_id
        USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'messages_sender_id_fkey', TABLE = 'messages', SCHEMA = 'plantao';
    END IF;
    INSERT INTO plantao.messages AS m (group_id, sender_id, content, idempotency_key)
    VALUES (post_message.group_id, post_message.sender_id, post_message.content, post_message.key) RETURNING m.id, m.created_at INTO message_id, sent_at;
    -- A trigger of a DBA may have sent messages too.
    SELECT e.position INTO log_position FROM plantao.events e
    WHERE e.position > post_message.log_position AND e.kind = 'message' AND e.message_id = post_message.message_id LIMIT 1;
    PERFORM plantao.require_stored(0, 1, 'events') WHERE log_position IS NULL;
    IF post_message.key IS NOT NULL THEN
      INSERT INTO plantao.idempotency_keys (sender_id, key, group_id, content_hash, message_id, position, sent_at)
      VALUES (post_message.sender_id, post_message.key, post_message.group_id, hash, post_message.message_id,
              post_message.log_position, post_message.sent_at);
    END IF;
  END IF;
  RETURN NEXT;
END $$;
COMMENT ON FUNCTION plantao.post_message(bigint, bigint, text, text, text) IS
  'Sends a message from psql: SELECT * FROM plantao.post_message(1, 2, ''Bom dia''); a repeated key returns the first result. durability is what the commit waits for (plantao.commit_durability); a warning at the commit means that the wait was cancelled. SQLSTATE PT005 if durable => ''replicated'' is given and the commit would wait for this server only, PT006 if the key was used for another message.';

CREATE FUNCTION plantao.warm_up_post(raises boolean DEFAULT false) RETURNS void
-- A node warms up this session before it serves: a transaction that holds the log or the group must not delay that. The settings
-- are those of post_messages(), so that the functions it calls use the same plans.
LANGUAGE plpgsql SET lock_timeout = '50ms' SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off AS $$
DECLARE
  before bigint;
  stored integer;
  next_id bigint;
BEGIN
  -- The rolled-back insert below assigns a transaction id, so the commit would wait for a synchronous standby.
  PERFORM set_config('synchronous_commit', 'local', true);
  -- First without locks, because planning takes 40 ms on a busy machine.
  BEGIN
    PERFORM set_config('plantao.warm_up', pg_current_xact_id()::text, true) WHERE NOT pg_is_in_recovery();
    PERFORM FROM plantao.post_messages(NULL, false, '{}', '{}', '{}', '{}');
  EXCEPTION
    -- Another session has locked the keys or the hooks, which not every message needs.
    WHEN lock_not_available THEN NULL;
    -- On a standby of PostgreSQL it prepares the plans as far as the first write.
    WHEN OTHERS THEN IF NOT pg_is_in_recovery() THEN RAISE; END IF;
  END;
  PERFORM set_config('plantao.warm_up', '', true);
  BEGIN
    PERFORM plantao.assert_term(0);
  EXCEPTION
    -- There is no term 0. A message waits for the fence and for the terms first.
    WHEN SQLSTATE 'PT001' THEN NULL;
    WHEN OTHERS THEN IF raises THEN RAISE; END IF;
  END;
  -- A message that is rolled back prepares the plans that an empty batch does not: those of the foreign keys and of the log.
  before := plantao.log_head();
  BEGIN
    -- On a full disk a short message may still fit into a page that has room. This content is longer than a page and hard to
    -- compress, so it needs a new page, as some of the next messages will.
    INSERT INTO plantao.messages (id, group_id, sender_id, content)
    SELECT free.id, m.group_id, m.user_id, CASE WHEN raises THEN
             (SELECT string_agg(md5(format('%s %s', free.id, k)), '') FROM generate_series(1, 60) k) ELSE 'warm-up' END
    FROM (SELECT group_id, user_id FROM plantao.memberships LIMIT 1) m,
         -- A DBA may have inserted messages there.
         (SELECT 9007199254740991 - n AS id FROM generate_series(0, 99) n
          WHERE NOT EXISTS (SELECT FROM plantao.messages t WHERE t.id = 9007199254740991 - n OFFSET 0)
          ORDER BY n LIMIT CASE WHEN raises THEN 5 ELSE 1 END) free;
    GET DIAGNOSTICS stored = ROW_COUNT;
    IF raises THEN
      -- One message for each free id, up to five.
      PERFORM plantao.require_stored(least(stored, 1), (SELECT count(*) FROM (SELECT FROM plantao.memberships LIMIT 1) m), 'messages');
      PERFORM plantao.require_stored(least(plantao.log_head() - before, stored), stored, 'events');
      -- Only a sequence that counts up is repaired when a message is posted.
      SELECT q.last_value + s.seqincrement INTO next_id
      FROM plantao.messages_id_seq q JOIN pg_sequence s ON s.seqrelid = 'plantao.messages_id_seq'::regclass AND s.seqincrement < 0;
      IF EXISTS (SELECT FROM plantao.messages t WHERE t.id = next_id) THEN
        RAISE EXCEPTION 'the next id of the sequence is taken: %', next_id
          USING ERRCODE = 'unique_violation', SCHEMA = 'plantao', TABLE = 'messages', CONSTRAINT = 'messages_pkey';
      END IF;
    END IF;
    RAISE EXCEPTION 'warmed up' USING ERRCODE = 'PT009';
  EXCEPTION
    WHEN SQLSTATE 'PT009' THEN NULL;
    WHEN OTHERS THEN IF raises THEN RAISE; END IF;
  END;
END $$;
COMMENT ON FUNCTION plantao.warm_up_post(boolean) IS
  'Prepares the plans of post_messages() in this session and stores nothing: all of it is rolled back before it returns. Locks the event log for about a millisecond, and skips that part if the log is locked for longer than 50 ms. With true, raises the error that a message would get: a node whose posts fail checks with it whether they still would.';
