-- Changes of accounts: renaming and erasing.

CREATE FUNCTION plantao.rename_user(account bigint, new_name text) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  UPDATE plantao.users u SET username = new_name WHERE u.id = account AND NOT u.is_hook;
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION plantao.rename_user(bigint, text) IS
  'Renames an account; false if it does not exist or is the sender of a hook. Its messages show the new name, and the members of its groups are notified. Runs with the owner''s rights: the service may change no other column.';

CREATE FUNCTION plantao.log_renames() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM old_rows o JOIN new_rows n USING (id) WHERE n.username <> o.username) THEN RETURN NULL; END IF;
  head := plantao.lock_log();
  -- Without the names: the log would keep those of erased accounts. A user without groups gets an event too, for the user's own
  -- devices.
  INSERT INTO plantao.events (position, kind, group_id, user_id)
  SELECT head + row_number() OVER (ORDER BY n.id, m.group_id), 'user_renamed', m.group_id, n.id
  FROM old_rows o JOIN new_rows n USING (id) LEFT JOIN plantao.memberships m ON m.user_id = n.id
  WHERE n.username <> o.username;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_renames() IS
  'Appends one event for each group of each user whose name a statement changed, or one for a user without groups.';
CREATE TRIGGER lock_log_first_to_rename BEFORE UPDATE OF username ON plantao.users
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER log_renamed AFTER UPDATE ON plantao.users
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_renames();

CREATE FUNCTION plantao.erase_user(account bigint, mode text DEFAULT 'anonymise', at_most integer DEFAULT 1000) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  doomed bigint[];
  removed integer;
BEGIN
  IF mode NOT IN ('anonymise', 'erase') THEN
    RAISE EXCEPTION 'mode must be anonymise or erase, not %', mode USING ERRCODE = 'invalid_parameter_value';
  END IF;
  IF mode = 'erase' THEN
    -- Found before the event log is locked: first in the groups that the user is known to have been in, which have an index.
    SELECT array_agg(m.id) INTO doomed FROM (
      SELECT i.id FROM plantao.messages i
      WHERE i.sender_id = account AND i.group_id IN (
        SELECT g.group_id FROM plantao.memberships g WHERE g.user_id = account
        UNION SELECT d.group_id FROM plantao.departures d WHERE d.user_id = account)
      LIMIT at_most) m;
    IF doomed IS NULL THEN
      SELECT array_agg(m.id) INTO doomed
      FROM (SELECT i.id FROM plantao.messages i WHERE i.sender_id = account LIMIT at_most) m;
    END IF;
    IF doomed IS NOT NULL THEN
      DELETE FROM plantao.messages m WHERE m.id = ANY (doomed);
      RETURN cardinality(doomed);
    END IF;
  END IF;
  DELETE FROM plantao.reactions r WHERE (r.message_id, r.user_id, r.emoji) IN (
    SELECT o.message_id, o.user_id, o.emoji FROM plantao.reactions o WHERE o.user_id = account LIMIT at_most);
  GET DIAGNOSTICS removed = ROW_COUNT;
  IF removed > 0 THEN RETURN removed; END IF;
  DELETE FROM plantao.idempotency_keys k WHERE k.sender_id = account;
  DELETE FROM plantao.request_keys k WHERE k.owner_id = account;
  IF mode = 'erase' THEN
    DELETE FROM plantao.users u WHERE u.id = account;
  ELSE
    DELETE FROM plantao.memberships m WHERE m.user_id = account;
    DELETE FROM plantao.departures d WHERE d.user_id = account;
    DELETE FROM plantao.invitations i WHERE i.created_by = account;
    -- Revokes the user's hooks: see plantao.end_hook().
    UPDATE plantao.hooks h SET created_by = NULL WHERE h.created_by = account;
    -- Refuses the JWTs issued until now: they would create another account at once.
    UPDATE plantao.identities i SET user_id = NULL WHERE i.user_id = account;
    -- No password has this hash, so no one can sign in. Its trigger revokes the tokens and forgets the known networks.
    UPDATE plantao.users u
    SET username = format('deleted-%s-%s', account, substr(replace(gen_random_uuid()::text, '-', ''), 1, 8)), password_hash = '!'
    WHERE u.id = account;
  END IF;
  RETURN 0;
END $$;
COMMENT ON FUNCTION plantao.erase_user(bigint, text, integer) IS
  'One step of the deletion of an account; repeat it until it returns 0. anonymise: keeps the messages under the name deleted-…; erase: removes the messages too. At most at_most rows a step, each of which holds the event log for a few milliseconds.';
