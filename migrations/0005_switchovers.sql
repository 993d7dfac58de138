-- Switchovers, and the history of terms for DBAs.

CREATE VIEW plantao.leader_history AS
  SELECT term, node, url, reason, started_at, ended_at, end_reason, handed_to,
         coalesce(ended_at, clock_timestamp()) - started_at AS on_duty_for,
         -- Not a window, for which PostgreSQL would read all terms, however few are requested.
         started_at - (SELECT last.ended_at FROM plantao.leader_terms last
                       WHERE last.term < t.term ORDER BY last.term DESC LIMIT 1) AS gap, end_cause, asked_by
  FROM plantao.leader_terms t ORDER BY term DESC;
COMMENT ON VIEW plantao.leader_history IS 'All terms, newest first: the active node, the reason of its promotion, the length of the term, and the gap before it.';
COMMENT ON COLUMN plantao.leader_history.term IS 'Number of the term, one higher with each promotion.';
COMMENT ON COLUMN plantao.leader_history.node IS 'The active node of the term.';
COMMENT ON COLUMN plantao.leader_history.url IS 'URL of that node.';
COMMENT ON COLUMN plantao.leader_history.reason IS 'Why it was promoted.';
COMMENT ON COLUMN plantao.leader_history.started_at IS 'When the term opened.';
COMMENT ON COLUMN plantao.leader_history.ended_at IS 'When it was closed; if the node died, the last sign that it was active (plantao.last_active_at); null for the open term.';
COMMENT ON COLUMN plantao.leader_history.end_reason IS 'Why it ended.';
COMMENT ON COLUMN plantao.leader_history.handed_to IS 'The node that a switchover named as successor.';
COMMENT ON COLUMN plantao.leader_history.on_duty_for IS 'Length of the term; so far, if it is open.';
COMMENT ON COLUMN plantao.leader_history.gap IS 'Time from the end of the previous term to the start of this one, in which no write was possible. If the node did not resign, it is counted from the last sign that it was active, so it may be too long: by a few milliseconds if its process was killed, at most by a second if it froze or lost its network.';
COMMENT ON COLUMN plantao.leader_history.end_cause IS
  'By request: switchover | fall | stop. PostgreSQL: failover (a standby was promoted) | restart | crash (crash recovery) | read_only (the server no longer accepts writes). The lock session: terminated (by an administrator) | lease_expired (no heartbeat for a lease) | lock_released (pg_advisory_unlock, or the term was closed in SQL) | blocked (another session locked plantao.leader_terms for a lease) | no_reply (to a heartbeat: PostgreSQL or the network was too slow) | connection_lost. The node: node_crash | node_stalled | cannot_write.';
COMMENT ON COLUMN plantao.leader_history.asked_by IS 'The requester of the switchover: a database role, or an HTTP client.';

CREATE VIEW plantao.switchover_history AS
  SELECT t.ended_at AS at, t.term, t.node, t.handed_to AS requested, next.node AS successor, next.started_at - t.ended_at AS gap,
         t.asked_by, t.asked_via, t.asked_from, t.asked_at
  FROM plantao.leader_terms t
  LEFT JOIN LATERAL (SELECT n.node, n.started_at FROM plantao.leader_terms n WHERE n.term > t.term ORDER BY n.term LIMIT 1) next ON true
  WHERE t.end_cause = 'switchover'
  ORDER BY t.term DESC;
COMMENT ON VIEW plantao.switchover_history IS
  'The switchovers, newest first, and who requested each. plantao.leader_history has all terms and why each ended.';
COMMENT ON COLUMN plantao.switchover_history.at IS 'When the active node resigned.';
COMMENT ON COLUMN plantao.switchover_history.term IS 'The term that ended.';
COMMENT ON COLUMN plantao.switchover_history.node IS 'The node that was active.';
COMMENT ON COLUMN plantao.switchover_history.requested IS 'The successor that was requested; null for any standby.';
COMMENT ON COLUMN plantao.switchover_history.successor IS 'The node that became active next: the same one if no standby took over. Null if none has yet.';
COMMENT ON COLUMN plantao.switchover_history.gap IS 'Time in which no write was possible, from the resignation to the start of the next term; null if no node has become active yet.';
COMMENT ON COLUMN plantao.switchover_history.asked_by IS 'Database role, or HTTP client, that requested it.';
COMMENT ON COLUMN plantao.switchover_history.asked_via IS
  'HTTP: POST /switchover. SQL: plantao.switchover(). command line: plantao switchover. preferred node: a node with PREFERRED requested its role back. The last three are distinguished by the application_name of the session.';
COMMENT ON COLUMN plantao.switchover_history.asked_from IS 'Address of the client, as the node or PostgreSQL saw it; null for a Unix socket.';
COMMENT ON COLUMN plantao.switchover_history.asked_at IS 'When it was requested.';

CREATE TABLE plantao.switchover_requests (
  id       bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 9007199254740991) PRIMARY KEY,
  term     bigint NOT NULL CHECK (term BETWEEN 0 AND 9007199254740991),
  hand_to  text CHECK (char_length(hand_to) <= 64),
  asked_by text NOT NULL DEFAULT session_user CHECK (char_length(asked_by) <= 200),
  asked_via text NOT NULL DEFAULT 'SQL' CHECK (asked_via IN ('SQL', 'command line', 'preferred node')),
  asked_from text DEFAULT host(inet_client_addr()) CHECK (char_length(asked_from) <= 200),
  asked_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (asked_at >= '1970-01-01 UTC' AND asked_at < '10000-01-01 UTC')
);
COMMENT ON TABLE plantao.switchover_requests IS 'Requests of plantao.switchover() that the active node has not handled yet. It handles them at once, or when it next writes its row if the NOTIFY was lost.';
COMMENT ON COLUMN plantao.switchover_requests.id IS 'Ascending; of several requests the newest counts.';
COMMENT ON COLUMN plantao.switchover_requests.term IS 'The term to end; ignored if another term is open.';
COMMENT ON COLUMN plantao.switchover_requests.hand_to IS 'The successor; null for any standby.';
COMMENT ON COLUMN plantao.switchover_requests.asked_by IS 'Role that made the request.';
COMMENT ON COLUMN plantao.switchover_requests.asked_via IS 'How it was requested; see plantao.switchover_history.';
COMMENT ON COLUMN plantao.switchover_requests.asked_from IS 'Client address of that session; null for a Unix socket.';
COMMENT ON COLUMN plantao.switchover_requests.asked_at IS 'When the request was made.';

CREATE FUNCTION plantao.switchover(hand_to text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  active_node text;
  open_term bigint;
  paused_until timestamptz;
BEGIN
  -- A request is valid for seconds, so it does not wait for a synchronous standby.
  PERFORM set_config('synchronous_commit', 'local', true);
  SELECT t.node, t.term INTO active_node, open_term FROM plantao.leader_terms t WHERE t.ended_at IS NULL;
  IF active_node IS NULL THEN
    RETURN 'refused: no node is active; plantao.cluster_status shows the nodes: start or revive one';
  END IF;
  SELECT p.until INTO paused_until FROM plantao.current_pause p;
  IF paused_until IS NOT NULL THEN
    RETURN format('refused: failover is paused until %s; SELECT plantao.resume() ends the pause', to_char(paused_until, 'YYYY-MM-DD HH24:MI:SS TZ'));
  END IF;
  IF hand_to IS NOT NULL AND NOT EXISTS (
    SELECT FROM plantao.cluster_status s WHERE s.node = hand_to AND s.role = 'standby') THEN
    RETURN format('refused: %s is %s', hand_to,
      CASE WHEN hand_to = active_node THEN 'active already' ELSE 'not a running standby: see plantao.cluster_status' END);
  END IF;
  IF hand_to IS NULL AND NOT EXISTS (SELECT FROM plantao.cluster_status s WHERE s.role = 'standby' AND s.node <> active_node) THEN
    RETURN 'refused: no standby is running: plantao.cluster_status shows the nodes';
  END IF;
  -- The row is the request. Every role that can connect can NOTIFY, so a notification alone has no effect.
  INSERT INTO plantao.switchover_requests (term, hand_to, asked_via) VALUES (open_term, hand_to,
    CASE WHEN current_setting('application_name') = 'plantao:-:command' THEN 'command line'
         WHEN current_setting('application_name') LIKE 'plantao:%' THEN 'preferred node' ELSE 'SQL' END);
  PERFORM plantao.hint('plantao_cluster', json_build_object('kind', 'switchover')::text);
  RETURN format('asked %s to hand over to %s', active_node, coalesce(hand_to, 'any standby'));
END $$;
COMMENT ON FUNCTION plantao.switchover(text) IS
  'Requests an orderly handover from the active node to the named standby, or to any. Returns at once; watch plantao.leader_history. Refused during a pause (plantao.pause). Granted to the owner and plantao_service. To let a member of plantao_dba_readonly call it, grant EXECUTE on it and INSERT on plantao.switchover_requests.';
