-- Terms: the leader lock, the write fence, and how a term opens and closes.
--
-- Advisory locks have the class 1347178068 ("PLNT"): (…, 1) is the leader lock, held by the lock session of the active node;
-- (…, 4) is taken by migrations. Every role that can connect can take them, so REVOKE CONNECT from those that need not. None of
-- them can block writes: those use the mutexes in the schema plantao_mutexes.

CREATE VIEW plantao_mutexes.write_fence AS SELECT 'passed by plantao.assert_term()' AS purpose;
COMMENT ON VIEW plantao_mutexes.write_fence IS
  'Held in ROW EXCLUSIVE mode by every writing transaction of a node, and in SHARE ROW EXCLUSIVE mode, which excludes them, while a term opens or closes.';
CREATE VIEW plantao_mutexes.group_names AS SELECT 'locked by plantao.lock_group_names()' AS purpose;
COMMENT ON VIEW plantao_mutexes.group_names IS
  'Held in SHARE UPDATE EXCLUSIVE mode by the transaction that creates missing groups by name, until it ends.';

CREATE FUNCTION plantao.lock_group_names() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE plantao_mutexes.group_names IN SHARE UPDATE EXCLUSIVE MODE;
END $$;
COMMENT ON FUNCTION plantao.lock_group_names() IS
  'Serializes the transactions that create missing groups by name, until they end: of two that need the same new group, one creates it and the other finds it.';

CREATE FUNCTION plantao.close_fence() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  LOCK TABLE plantao_mutexes.write_fence IN SHARE ROW EXCLUSIVE MODE;
END $$;
COMMENT ON FUNCTION plantao.close_fence() IS
  'Waits for writing transactions in progress, and blocks new ones until the transaction ends (plantao.assert_term).';

CREATE TABLE plantao.leader_terms (
  term        bigint PRIMARY KEY CHECK (term BETWEEN 1 AND 4294967295),
  node        text NOT NULL CHECK (char_length(node) <= 64),
  url         text NOT NULL CHECK (char_length(url) <= 2048),
  backend_pid integer NOT NULL,
  reason      text NOT NULL CHECK (char_length(reason) <= 1000),
  started_at  timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (started_at >= '1970-01-01 UTC' AND started_at < '10000-01-01 UTC'),
  ended_at    timestamptz CHECK (ended_at >= '1970-01-01 UTC' AND ended_at < '10000-01-01 UTC'),
  end_reason  text CHECK (char_length(end_reason) <= 1000),
  end_cause   text CHECK (end_cause IN ('switchover', 'fall', 'stop', 'cannot_write', 'read_only', 'terminated', 'lease_expired',
                'lock_released', 'connection_lost', 'no_reply', 'blocked', 'node_stalled', 'node_crash', 'failover', 'crash', 'restart')),
  handed_to   text CHECK (char_length(handed_to) <= 64),
  asked_by    text CHECK (char_length(asked_by) <= 200),
  asked_via   text CHECK (asked_via IN ('HTTP', 'SQL', 'command line', 'preferred node')),
  asked_from  text CHECK (char_length(asked_from) <= 200),
  asked_at    timestamptz CHECK (asked_at >= '1970-01-01 UTC' AND asked_at < '10000-01-01 UTC'),
  epoch       bigint NOT NULL DEFAULT plantao.newest_epoch(),
  lease       interval NOT NULL DEFAULT current_setting('idle_session_timeout')::interval CHECK (lease BETWEEN '0' AND '1 day')
);
CREATE TRIGGER refuse_removal BEFORE TRUNCATE ON plantao.leader_terms
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_removal();
COMMENT ON TABLE plantao.leader_terms IS 'One row for each promotion of a node. Read it through plantao.leader_history.';
COMMENT ON COLUMN plantao.leader_terms.term IS 'Number of the term, one higher with each promotion. 4294967295 is the maximum, because the fencing token has 32 bits for it. It is reached only if someone inserts such a row by hand; promotions then fail. To recover: DELETE that row.';
COMMENT ON COLUMN plantao.leader_terms.node IS 'The active node of the term.';
COMMENT ON COLUMN plantao.leader_terms.url IS 'URL of that node.';
COMMENT ON COLUMN plantao.leader_terms.backend_pid IS 'Server process of the lock session.';
COMMENT ON COLUMN plantao.leader_terms.reason IS 'Why it was promoted.';
COMMENT ON COLUMN plantao.leader_terms.started_at IS 'When the term opened.';
COMMENT ON COLUMN plantao.leader_terms.ended_at IS 'When it was closed; if the node died, the last sign that it was active (plantao.last_active_at); null for the open term.';
COMMENT ON COLUMN plantao.leader_terms.end_reason IS 'Why it ended: the node resigned, or another node found the lock free.';
COMMENT ON COLUMN plantao.leader_terms.end_cause IS 'The same for programs; see plantao.leader_history.';
COMMENT ON COLUMN plantao.leader_terms.asked_by IS 'The requester of the switchover that ended it.';
COMMENT ON COLUMN plantao.leader_terms.asked_via IS 'How it was requested; see plantao.switchover_history.';
COMMENT ON COLUMN plantao.leader_terms.asked_from IS 'Address from which it was requested; null for a Unix socket.';
COMMENT ON COLUMN plantao.leader_terms.asked_at IS 'When it was requested.';
COMMENT ON COLUMN plantao.leader_terms.epoch IS 'Number of the epoch in which it opened (plantao.epochs).';
COMMENT ON COLUMN plantao.leader_terms.handed_to IS 'The node that a switchover named as successor.';
COMMENT ON COLUMN plantao.leader_terms.lease IS 'LEASE_MS of its node: PostgreSQL ends the lock session after this time without a heartbeat.';
CREATE UNIQUE INDEX leader_terms_open ON plantao.leader_terms ((true)) WHERE ended_at IS NULL;

-- A server continues the numbers of terms from the newest term that it has. After a failover to a standby that lacks the last
-- term, and with two primaries, two terms have the same number. The random name of the epoch tells them apart.
CREATE FUNCTION plantao.fencing_token(of_term bigint) RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ('x' || left(e.epoch, 5))::bit(20)::bigint * 4294967296 + t.term
  FROM plantao.leader_terms t JOIN plantao.epochs e ON e.number = t.epoch WHERE t.term = of_term
$$;
COMMENT ON FUNCTION plantao.fencing_token(bigint) IS
  'Returns the number with which a node proves its term and epoch before it writes: the term in the lower 32 bits, 20 bits of the name of its epoch above them.';

CREATE FUNCTION plantao.assert_term(expected bigint) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  caller text := current_setting('application_name');
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the write fence requires READ COMMITTED: an older snapshot would not see that the term was closed'
      USING ERRCODE = 'PT003';
  END IF;
  -- A DBA may have set this while the session was open. A crash would lose writes that were acknowledged.
  IF current_setting('synchronous_commit') = 'off' THEN
    PERFORM set_config('synchronous_commit', 'on', true);
  END IF;
  IF current_setting('session_replication_role') = 'replica' THEN
    RAISE EXCEPTION 'session_replication_role is replica: triggers do not run, so nothing would be delivered'
      USING ERRCODE = 'triggered_action_exception', HINT = 'Reset it for the server, the database and the role of the nodes.';
  END IF;
  LOCK TABLE plantao_mutexes.write_fence IN ROW EXCLUSIVE MODE;
  -- A separate statement: its snapshot is newer than the fence, so it sees a term that closed while it waited.
  -- The node is compared too, for callers that know the bare number only.
  IF NOT EXISTS (
    SELECT FROM plantao.leader_terms t
    WHERE t.term = expected % 4294967296 AND t.ended_at IS NULL
      AND (expected < 4294967296 OR expected = plantao.fencing_token(t.term))
      AND (caller NOT LIKE 'plantao:%' OR split_part(caller, ':', 2) = t.node)) THEN
    RAISE EXCEPTION 'term % is closed', expected % 4294967296 USING ERRCODE = 'PT001', HINT = 'Another node is active.';
  END IF;
END $$;
COMMENT ON FUNCTION plantao.assert_term(bigint) IS
  'The write fence: every writing transaction of a node calls it first, with its plantao.fencing_token(). A bare term number proves the term without its epoch. The next term cannot open until the transaction ends. SQLSTATE PT001 if the term is closed, is of another epoch, or belongs to another node than that in the session''s application_name; PT003 in a transaction that is not READ COMMITTED; 09000 with session_replication_role = replica. With synchronous_commit = off, the transaction commits with on.';

CREATE FUNCTION plantao.hold_leader_lock(for_term bigint DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  caller text := current_setting('application_name');
BEGIN
  RETURN EXISTS (
      -- Without a condition on the database: a session's own advisory locks are locks of its database.
      SELECT FROM pg_locks
      WHERE locktype = 'advisory' AND classid = 1347178068 AND objid = 1 AND objsubid = 2
        AND pid = pg_backend_pid() AND granted)
    AND (for_term IS NULL
         OR EXISTS (
           -- Compares the node as plantao.assert_term() does: otherwise, if the row was changed by hand, the node would keep the role
           -- while each of its writes is refused. Does not use the fencing token: a lock on plantao.epochs must not cost the node its role.
           SELECT FROM plantao.leader_terms t
           WHERE t.term = for_term AND t.ended_at IS NULL
             AND (caller NOT LIKE 'plantao:%' OR split_part(caller, ':', 2) = t.node)));
END $$;
COMMENT ON FUNCTION plantao.hold_leader_lock(bigint) IS
  'Returns true if this session holds the leader lock, and the given term is open and belongs to the session''s node. Every heartbeat calls it.';

CREATE FUNCTION plantao.last_active_at(of_term bigint, unseen_ms double precision DEFAULT NULL) RETURNS timestamptz
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  opened plantao.leader_terms;
  wrote_row timestamptz;
BEGIN
  SELECT * INTO opened FROM plantao.leader_terms t WHERE t.term = of_term;
  -- For term 0 it goes on, so that plantao.warm_up_term() plans what follows.
  IF opened.term IS NULL AND of_term IS DISTINCT FROM 0 OR opened.ended_at IS NOT NULL THEN RETURN opened.ended_at; END IF;
  -- The rows of plantao.nodes are informative: nothing that a DBA does to the table may delay or prevent a promotion.
  BEGIN
    LOCK TABLE plantao.nodes IN ACCESS SHARE MODE NOWAIT;
    SELECT n.active_at INTO wrote_row FROM plantao.nodes n WHERE n.node = opened.node;
  EXCEPTION WHEN OTHERS THEN NULL;
  END;
  RETURN least(clock_timestamp(), greatest(
    opened.started_at,
    -- The node measured unseen_ms when it sent this statement, which may have waited for a lock since.
    statement_timestamp() - unseen_ms * interval '1 ms',
    wrote_row,
    (SELECT e.at FROM plantao.events e ORDER BY e.position DESC LIMIT 1)));
END $$;
COMMENT ON FUNCTION plantao.last_active_at(bigint, double precision) IS
  'Returns when the node of a term was last known to be active. For a closed term that is its end. For an open one it is the latest sign of life, because a node that died has not recorded its end. Signs of life are its row, an event that it appended, and another node that saw it active unseen_ms ago. The result means nothing while the node is active. Runs with the owner''s rights: plantao_dba_readonly may not read the log.';

-- open_term() calls functions that do nothing for term 0, so that plantao.warm_up_term() can run them.
CREATE FUNCTION plantao.end_open_term(last_term bigint, successor text, unseen_ms double precision) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last_active timestamptz := plantao.last_active_at(last_term, unseen_ms);
BEGIN
  UPDATE plantao.leader_terms t
  SET end_reason = left('lock lost, taken over by ' || successor, 1000),
      -- An event of the server ends every session. Otherwise the node's own report counts, if it came before this. Without one
      -- the node is dead or unreachable: the kernel of a killed node frees the lock in milliseconds, a silent node keeps it for
      -- the lease, and by then it has not been seen for most of the lease.
      end_cause = coalesce(
        (SELECT e.cause FROM plantao.epochs e
         WHERE e.number > t.epoch AND e.cause IN ('failover', 'crash', 'restart') ORDER BY e.number DESC LIMIT 1),
        t.end_cause,
        CASE WHEN unseen_ms >= extract(epoch FROM t.lease) * 500 THEN 'lease_expired' ELSE 'node_crash' END),
      ended_at = last_active
  WHERE t.term = last_term AND t.ended_at IS NULL;
END $$;
COMMENT ON FUNCTION plantao.end_open_term(bigint, text, double precision) IS
  'Closes the given term if it is open. Called by open_term(); does nothing for term 0.';

CREATE FUNCTION plantao.insert_term(number bigint, node text, url text, reason text) RETURNS bigint
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason)
  SELECT number, insert_term.node, insert_term.url, pg_backend_pid(), left(insert_term.reason, 1000) WHERE number > 0;
  PERFORM plantao.hint('plantao_cluster', json_build_object(
    'kind', 'promoted', 'term', number, 'node', insert_term.node, 'url', insert_term.url)::text)
  WHERE number > 0;
  RETURN number;
END $$;
COMMENT ON FUNCTION plantao.insert_term(bigint, text, text, text) IS
  'Inserts an open term and notifies the peers. Called by open_term(); does nothing for term 0.';

CREATE FUNCTION plantao.may_lead(candidate text, own_term bigint) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_paused boolean;
BEGIN
  -- A named successor has the head start of election-timing.ts, in which no other node can be faster.
  IF EXISTS (SELECT FROM (SELECT * FROM plantao.leader_terms t ORDER BY t.term DESC LIMIT 1) last
             WHERE last.handed_to <> candidate
               AND last.ended_at BETWEEN clock_timestamp() - least(interval '500 ms', last.lease / 4) AND clock_timestamp()) THEN
    RETURN false;
  END IF;
  -- A pause that cannot be read, because its table is locked or was changed, must not prevent a promotion. Each node remembers a
  -- pause that it has read, and does not try then.
  BEGIN
    LOCK TABLE plantao.pauses IN ACCESS SHARE MODE NOWAIT;
    is_paused := EXISTS (SELECT FROM plantao.current_pause);
  EXCEPTION WHEN OTHERS THEN
    is_paused := false;
  END;
  RETURN NOT is_paused
    OR EXISTS (SELECT FROM (SELECT t.term, t.node FROM plantao.leader_terms t ORDER BY t.term DESC LIMIT 1) last
               WHERE last.term <= own_term AND last.node = candidate);
END $$;
COMMENT ON FUNCTION plantao.may_lead(text, bigint) IS
  'Returns whether a node may become active now: always, except while another was named as successor (for half a second at most) and during a pause. During a pause it may only if the last term was that of its current process (own_term; null if it has had none). True while the pauses cannot be read, because another session has locked their table or a DBA has changed it.';

CREATE FUNCTION plantao.open_term(node text, url text, reason text, unseen_ms double precision DEFAULT NULL, own_term bigint DEFAULT NULL)
RETURNS bigint
-- Generic plans, so that it uses those that plantao.warm_up_term() prepared: by default PostgreSQL plans each of the first five
-- calls in a session.
LANGUAGE plpgsql SET lock_timeout = '100ms' SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off AS $$
BEGIN
  PERFORM plantao.refuse_read_only();
  IF NOT plantao.hold_leader_lock() THEN
    RAISE EXCEPTION 'this session does not hold the leader lock' USING ERRCODE = 'PT002';
  END IF;
  PERFORM plantao.close_fence();
  IF NOT plantao.may_lead(node, own_term) THEN
    RAISE EXCEPTION 'failover is paused, or another node was named as successor' USING ERRCODE = 'PT007', HINT = 'See plantao.current_pause.';
  END IF;
  PERFORM plantao.continue_epoch();
  PERFORM plantao.end_open_term((SELECT term FROM plantao.leader_terms WHERE ended_at IS NULL), node, unseen_ms);
  RETURN plantao.insert_term(1 + coalesce((SELECT max(term) FROM plantao.leader_terms), 0), node, url, reason);
END $$;
COMMENT ON FUNCTION plantao.open_term(text, text, text, double precision, bigint) IS
  'Called on the lock session after it acquired the leader lock: closes the fence, closes the last term, opens the next one. SQLSTATE 55P03 if an open transaction of the last term blocks it for 100 ms (see plantao.end_last_term_sessions), PT002 without the lock, PT007 if plantao.may_lead() returns false, 25006 on a server that is read-only. unseen_ms: how long ago the caller last saw a node active; null if it has seen none. own_term: the last term of the calling process.';

CREATE FUNCTION plantao.warm_up_term() RETURNS void
LANGUAGE plpgsql SET lock_timeout = '100ms' SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off AS $$
DECLARE
  call text;
BEGIN
  IF plantao.hold_leader_lock() THEN RETURN; END IF;
  FOREACH call IN ARRAY ARRAY[
    'open_term('''', '''', '''')', 'may_lead('''', NULL)', 'last_active_at(0, 0)', 'end_open_term(0, '''', 0)', 'insert_term(0, '''', '''', '''')', 'fencing_token(0)',
    -- Last, because it may lock the log.
    'continue_epoch()']
  LOOP
    BEGIN
      EXECUTE 'SELECT plantao.' || call;
    EXCEPTION
      -- open_term() is compiled, and refuses to run without the lock.
      WHEN SQLSTATE 'PT002' THEN NULL;
      -- On a standby of PostgreSQL each function prepares its plans as far as its first write.
      WHEN OTHERS THEN IF NOT pg_is_in_recovery() THEN RAISE; END IF;
    END;
  END LOOP;
END $$;
COMMENT ON FUNCTION plantao.warm_up_term() IS
  'Prepares the plans of open_term() in this session and changes nothing. The first call in a session takes 20 ms or more, later ones 2 ms: a standby calls this before its promotion. It works in recovery too, for a failover of PostgreSQL.';

CREATE VIEW plantao.fence_holders AS
  SELECT l.pid, l.mode
  FROM pg_catalog.pg_locks l
  WHERE l.locktype = 'relation' AND l.relation = 'plantao_mutexes.write_fence'::regclass
    AND l.database = (SELECT plantao.database_oid()) AND l.granted;
COMMENT ON VIEW plantao.fence_holders IS 'The sessions whose open transactions hold the write fence.';
COMMENT ON COLUMN plantao.fence_holders.pid IS 'Server process of the session.';
COMMENT ON COLUMN plantao.fence_holders.mode IS 'RowExclusiveLock for a writing transaction, ShareRowExclusiveLock while a term opens or closes.';

CREATE FUNCTION plantao.end_last_term_sessions()
RETURNS TABLE (pid integer, application_name text, running_for interval, ended boolean)
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  FOR pid, application_name, running_for IN
    SELECT a.pid, a.application_name, clock_timestamp() - a.xact_start
    FROM plantao.fence_holders h JOIN plantao.sessions() a USING (pid)
    WHERE a.pid <> pg_backend_pid()
  LOOP
    BEGIN
      ended := pg_terminate_backend(pid);
    EXCEPTION WHEN insufficient_privilege THEN
      ended := false;
    END;
    RETURN NEXT;
  END LOOP;
END $$;
COMMENT ON FUNCTION plantao.end_last_term_sessions() IS
  'Terminates the sessions whose open transactions hold the write fence, and returns them. Their writes roll back. "ended" is false if this role may not terminate a session: grant it pg_signal_backend.';

CREATE FUNCTION plantao.close_term(closing bigint, reason text, hand_to text DEFAULT NULL, cause text DEFAULT NULL,
  requested_by text DEFAULT NULL, requested_via text DEFAULT NULL, requested_from text DEFAULT NULL,
  requested_at timestamptz DEFAULT NULL) RETURNS boolean
LANGUAGE plpgsql SET lock_timeout = '1s' SET search_path = pg_catalog, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
  closed boolean;
BEGIN
  PERFORM plantao.close_fence();
  UPDATE plantao.leader_terms
  SET ended_at = clock_timestamp(), end_reason = left(close_term.reason, 1000), handed_to = hand_to, end_cause = cause,
      asked_by = left(requested_by, 200), asked_via = requested_via, asked_from = left(requested_from, 200),
      asked_at = requested_at
  WHERE term = closing AND ended_at IS NULL;
  closed := FOUND;
  PERFORM plantao.hint('plantao_cluster', json_build_object('kind', 'resigned', 'term', closing, 'to', hand_to)::text);
  PERFORM pg_advisory_unlock(1347178068, 1);
  RETURN closed;
END $$;
COMMENT ON FUNCTION plantao.close_term(bigint, text, text, text, text, text, text, timestamptz) IS
  'Resigns; called on the lock session. Waits for writes in progress, closes the term, notifies the peers and releases the leader lock.';

CREATE FUNCTION plantao.report_lost_lock(lost bigint, reporter text, cause text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Informative, so it does not wait for a synchronous standby.
  PERFORM set_config('synchronous_commit', 'local', true);
  -- If the successor came first, it inferred node_crash or lease_expired, which this report replaces. Causes of the server stay.
  UPDATE plantao.leader_terms t SET end_cause = cause
  WHERE t.term = lost AND t.node = reporter AND (t.end_cause IS NULL OR t.end_cause IN ('node_crash', 'lease_expired'));
  RETURN FOUND;
END $$;
COMMENT ON FUNCTION plantao.report_lost_lock(bigint, text, text) IS
  'Records why a node lost the leader lock, as PostgreSQL reported it to the lock session. Returns false if it recorded nothing, for example because the successor knows a cause of the server itself.';

CREATE VIEW plantao.lock_holder AS
  SELECT a.pid, a.application_name, a.usename, a.client_addr, a.backend_start, a.state,
         clock_timestamp() - a.state_change AS idle_for,
         concat_ws('/', l.pid, extract(epoch FROM a.backend_start), extract(epoch FROM a.state_change)) AS life_sign,
         (SELECT t.lease FROM plantao.leader_terms t WHERE t.ended_at IS NULL AND t.backend_pid = l.pid) AS lease
  FROM pg_locks l LEFT JOIN plantao.sessions() a USING (pid)
  WHERE l.locktype = 'advisory' AND l.classid = 1347178068 AND l.objid = 1 AND l.objsubid = 2
    AND l.database = (SELECT plantao.database_oid()) AND l.granted;
COMMENT ON VIEW plantao.lock_holder IS 'The session that holds the leader lock: at most one row. pg_terminate_backend(pid) forces a failover.';
COMMENT ON COLUMN plantao.lock_holder.pid IS 'Server process of the session.';
COMMENT ON COLUMN plantao.lock_holder.application_name IS 'plantao:<node>:lock.';
COMMENT ON COLUMN plantao.lock_holder.usename IS 'Login role of the session.';
COMMENT ON COLUMN plantao.lock_holder.client_addr IS 'Client address of the session.';
COMMENT ON COLUMN plantao.lock_holder.backend_start IS 'When the session began.';
COMMENT ON COLUMN plantao.lock_holder.state IS 'State of the session: idle between two heartbeats.';
COMMENT ON COLUMN plantao.lock_holder.idle_for IS 'Time since its last heartbeat; PostgreSQL ends the session when this reaches the lease.';
COMMENT ON COLUMN plantao.lock_holder.life_sign IS 'Changes with every statement of the session. If it is unchanged for three leases, the node is frozen or unreachable.';
COMMENT ON COLUMN plantao.lock_holder.lease IS 'The lease of its node; null if the session has not opened a term.';

CREATE FUNCTION plantao.end_silent_holder(seen_life_sign text) RETURNS boolean
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN (
    SELECT pg_terminate_backend(h.pid) FROM plantao.lock_holder h
    -- A session without the application_name of a node belongs to another program, whose owner has to end it.
    -- With track_activities off there is no sign of life to see.
    WHERE h.life_sign = seen_life_sign AND h.idle_for IS NOT NULL AND h.application_name LIKE 'plantao:%:lock');
EXCEPTION WHEN insufficient_privilege THEN
  RETURN false;
END $$;
COMMENT ON FUNCTION plantao.end_silent_holder(text) IS
  'Terminates the session that holds the leader lock if its life_sign is the given one. A candidate calls it when the life_sign has been unchanged for three leases: PostgreSQL measures the lease by its wall clock, which may have been set back. Returns true if it was terminated, false if this role may not, null if there is no such holder.';
