-- Changes of accounts: renaming and erasing.

CREATE FUNCTION plantao.rename_user(account bigint, new_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
BEGIN
  UPDATE plantao.users u SET username = new_name WHERE u.id = account AND NOT u.is_hook AND u.erased_at IS NULL;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION plantao.rename_user(bigint, text) IS
  'Renames an account; false if it does not exist, was deleted, or is the sender of a hook. Its messages show the new name, and the members of its groups are notified. Runs with the owner''s rights: the service may change no other column.';

CREATE FUNCTION plantao.log_renames() RETURNS trigger
-- Looks rows up by key: see add_reactions().
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  -- Not joins, because their plans may be nested loops: see log_edits().
  IF NOT EXISTS (SELECT n.id, n.username FROM new_rows n EXCEPT SELECT o.id, o.username FROM old_rows o) THEN RETURN NULL; END IF;
  head := plantao.lock_log();
  -- Without the names: the log would keep those of erased accounts. A user without groups gets an event too, for the user's own
  -- devices.
  INSERT INTO plantao.events (position, kind, group_id, user_id, payload)
  SELECT head + row_number() OVER (ORDER BY n.id, m.group_id), 'user_renamed', m.group_id, n.id,
         -- Only in the first of them: at each further one, a node would drop its earlier events again.
         CASE WHEN n.erased_at IS NOT NULL AND row_number() OVER (PARTITION BY n.id ORDER BY m.group_id) = 1
              THEN '{"erased": true}'::jsonb END
  FROM (SELECT n.id, n.username FROM new_rows n EXCEPT SELECT o.id, o.username FROM old_rows o) renamed
  CROSS JOIN LATERAL (SELECT id, erased_at FROM plantao.users WHERE id = renamed.id OFFSET 0) n
  LEFT JOIN LATERAL (SELECT group_id FROM plantao.memberships WHERE user_id = n.id OFFSET 0) m ON true;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  -- A trigger names each direct chat after its users.
  UPDATE plantao.groups g SET name = g.name WHERE g.id = ANY (ARRAY(
    SELECT d.id FROM (SELECT n.id, n.username FROM new_rows n EXCEPT SELECT o.id, o.username FROM old_rows o) renamed
    CROSS JOIN LATERAL (SELECT id FROM plantao.groups WHERE direct_low = renamed.id OR direct_high = renamed.id OFFSET 0) d));
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_renames() IS
  'Appends one event for each group of each user whose name a statement changed, or one for a user without groups, and renames the direct chats of these users. For an erased account the payload of the first event says so: nodes then forget the earlier events that they hold in memory, which have the former name.';
CREATE TRIGGER lock_log_first_to_rename BEFORE UPDATE OF username ON plantao.users
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER log_renamed AFTER UPDATE ON plantao.users
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_renames();

CREATE FUNCTION plantao.erase_user(account bigint, mode text DEFAULT 'anonymise', at_most integer DEFAULT 1000) RETURNS integer
-- Without sequential scans: a LIMIT makes a scan look cheap to the planner, but the last step, which finds no more rows, would
-- read the whole table under the lock.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  own plantao.users;
  messages bigint[];
  room integer := at_most;
  removed integer;
BEGIN
  IF mode IS NULL OR mode NOT IN ('anonymise', 'erase') THEN
    RAISE EXCEPTION 'mode must be anonymise or erase, not %', coalesce(mode, 'null') USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- First, so that a post in progress is stored before and removed below, and no later one is stored.
  PERFORM plantao.lock_log();
  SELECT * INTO own FROM plantao.users u WHERE u.id = account AND NOT u.is_hook;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'there is no account %', account
      USING ERRCODE = 'foreign_key_violation', CONSTRAINT = 'users_account', TABLE = 'users', SCHEMA = 'plantao',
            HINT = 'For the sender of a hook, see plantao.revoke_hook().';
  END IF;
  IF own.erasing = 'erase' THEN mode := 'erase'; END IF;
  IF own.erased_at IS NULL THEN
    -- Before the memberships end, so that the members of its groups are notified of its new name.
    UPDATE plantao.users u
    SET username = format('deleted-%s-%s', account, substr(replace(gen_random_uuid()::text, '-', ''), 1, 8)),
        password_hash = '!', erased_at = clock_timestamp()
    WHERE u.id = account;
    DELETE FROM plantao.invitations i WHERE i.created_by = account;
    -- Revokes the user's hooks: see plantao.end_hook().
    UPDATE plantao.hooks h SET created_by = NULL WHERE h.created_by = account;
    DELETE FROM plantao.tokens t WHERE t.user_id = account;
    -- Refuses the JWTs issued until now: they would create another account at once. The subject is often an e-mail address.
    WITH former AS (DELETE FROM plantao.identities i WHERE i.user_id = account RETURNING i.issuer, i.subject)
    INSERT INTO plantao.identities (issuer, subject, revoked_before)
    SELECT 'erased', encode(plantao.identity_hash(f.issuer, f.subject), 'hex'), clock_timestamp() FROM former f
    ON CONFLICT (issuer, subject) DO UPDATE SET revoked_before = excluded.revoked_before;
  END IF;
  -- Each membership costs half a millisecond under the lock: for its events, and for a new owner of the group.
  DELETE FROM plantao.memberships m WHERE m.user_id = account AND m.group_id = ANY (ARRAY(
    SELECT o.group_id FROM plantao.memberships o WHERE o.user_id = account LIMIT 250));
  IF EXISTS (SELECT FROM plantao.memberships m WHERE m.user_id = account) THEN
    UPDATE plantao.users u SET erasing = mode WHERE u.id = account;
    RETURN at_most;
  END IF;
  IF mode = 'erase' THEN
    -- plantao.remove_reactions() appends no event for reactions to messages that are about to go.
    UPDATE plantao.users u SET erasing = mode WHERE u.id = account;
    messages := ARRAY(SELECT o.id FROM plantao.messages o WHERE o.sender_id = account LIMIT room);
    DELETE FROM plantao.reactions r WHERE r.ctid = ANY (ARRAY(
      SELECT o.ctid FROM plantao.reactions o WHERE o.message_id = ANY (messages) LIMIT room));
    GET DIAGNOSTICS removed = ROW_COUNT;
    room := room - removed;
    DELETE FROM plantao.messages m WHERE m.id = ANY (messages[1:room]);
    GET DIAGNOSTICS removed = ROW_COUNT;
    room := room - removed;
  END IF;
  UPDATE plantao.groups g SET creator_id = NULL WHERE g.id = ANY (ARRAY(SELECT o.id FROM plantao.groups o WHERE o.creator_id = account LIMIT room));
  GET DIAGNOSTICS removed = ROW_COUNT;
  room := room - removed;
  -- Departures come after that: plantao.make_owner() reads from them whether a creator may still join.
  DELETE FROM plantao.departures d WHERE d.user_id = account AND d.group_id = ANY (ARRAY(
    SELECT o.group_id FROM plantao.departures o WHERE o.user_id = account LIMIT room));
  GET DIAGNOSTICS removed = ROW_COUNT;
  room := room - removed;
  DELETE FROM plantao.known_networks k WHERE k.user_id = account AND k.network = ANY (ARRAY(
    SELECT o.network FROM plantao.known_networks o WHERE o.user_id = account LIMIT room));
  GET DIAGNOSTICS removed = ROW_COUNT;
  room := room - removed;
  DELETE FROM plantao.reactions r WHERE r.ctid = ANY (ARRAY(
    SELECT o.ctid FROM plantao.reactions o WHERE o.user_id = account LIMIT room));
  GET DIAGNOSTICS removed = ROW_COUNT;
  room := room - removed;
  DELETE FROM plantao.idempotency_keys k WHERE k.sender_id = account AND k.key = ANY (ARRAY(
    SELECT o.key FROM plantao.idempotency_keys o WHERE o.sender_id = account LIMIT room));
  GET DIAGNOSTICS removed = ROW_COUNT;
  room := room - removed;
  DELETE FROM plantao.request_keys k WHERE k.owner_id = account AND k.key = ANY (ARRAY(
    SELECT o.key FROM plantao.request_keys o WHERE o.owner_id = account LIMIT room));
  GET DIAGNOSTICS removed = ROW_COUNT;
  room := room - removed;
  UPDATE plantao.users u SET erasing = CASE WHEN room = 0 THEN mode END WHERE u.id = account;
  RETURN at_most - room;
END $$;
COMMENT ON FUNCTION plantao.erase_user(bigint, text, integer) IS
  'One step of the deletion of an account; repeat it until it returns 0. The first step ends the account: it gets the name deleted-…, leaves its groups, and cannot sign in. A step ends at most 250 memberships, and returns at_most if more are left for the next steps. Every other step removes at most at_most rows and returns their number. It removes reactions, idempotency keys, departures, known networks, and the account as creator of groups. With the mode erase it also removes the messages and the reactions to them; anonymise keeps them. The active node continues an erasure that was not finished. Each step locks the event log for some milliseconds.';

CREATE FUNCTION plantao.continue_erasures(under_term bigint, at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  pending record;
  removed integer := 0;
BEGIN
  PERFORM plantao.assert_term(under_term);
  FOR pending IN SELECT u.id, u.erasing FROM plantao.users u WHERE u.erasing IS NOT NULL ORDER BY u.erased_at, u.id LOOP
    BEGIN
      removed := removed + plantao.erase_user(pending.id, pending.erasing, at_most - removed);
    EXCEPTION WHEN OTHERS THEN
      -- One account that cannot be erased does not stop the others.
      RAISE WARNING 'the deletion of account % cannot be finished: %', pending.id, SQLERRM;
    END;
    EXIT WHEN removed = at_most;
  END LOOP;
  RETURN removed;
END $$;
COMMENT ON FUNCTION plantao.continue_erasures(bigint, integer) IS
  'One step of the active node under its term: continues the deletion of accounts whose caller has not finished it. Returns the number of rows removed; fewer than at_most means done.';
