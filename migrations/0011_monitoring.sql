-- Views for the DBA: the nodes, the event log, the groups, and sessions that block nodes.

CREATE VIEW plantao.cluster_status AS
  SELECT n.node,
         CASE WHEN n.role = 'stopped' THEN 'stopped'
              WHEN n.heartbeat_at < clock_timestamp() - interval '3 seconds' THEN 'silent'
              WHEN t.node = n.node THEN 'active'
              WHEN n.role = 'active' THEN 'standby'
              ELSE n.role END AS role,
         t.term, plantao.ms_between(n.heartbeat_at, clock_timestamp()) AS heartbeat_age_ms,
         n.url, n.version, n.pid, n.is_preferred AS is_primary, n.position, (SELECT plantao.log_head()) - n.position AS behind, n.waiters, n.started_at,
         CASE WHEN t.node = n.node THEN plantao.commit_durability() END AS durable,
         CASE WHEN t.node = n.node THEN plantao.messages_at_risk() END AS messages_at_risk,
         n.posts_per_second, n.commit_ms, n.delivery_ms, n.queued_posts, n.conditions
  FROM plantao.nodes n LEFT JOIN plantao.leader_terms t ON t.ended_at IS NULL AND t.node = n.node
    -- A node that was restarted does not hold the term of its dead process. A new active node writes its role within a second.
    AND (n.role = 'active' OR n.heartbeat_at < t.started_at + interval '3 seconds')
  ORDER BY n.node;
COMMENT ON VIEW plantao.cluster_status IS 'One row for each node. Exactly one should be active.';
COMMENT ON COLUMN plantao.cluster_status.node IS 'Name of the node.';
COMMENT ON COLUMN plantao.cluster_status.role IS 'active | standby | fallen | stopped | silent (no heartbeat for 3 s).';
COMMENT ON COLUMN plantao.cluster_status.term IS 'The open term, on the row of the node that holds it.';
COMMENT ON COLUMN plantao.cluster_status.heartbeat_age_ms IS 'Milliseconds since the node last wrote its row.';
COMMENT ON COLUMN plantao.cluster_status.url IS 'URL for peers and clients.';
COMMENT ON COLUMN plantao.cluster_status.version IS 'Version of the software.';
COMMENT ON COLUMN plantao.cluster_status.pid IS 'Process id on its machine.';
COMMENT ON COLUMN plantao.cluster_status.is_primary IS 'True if the node is preferred (PREFERRED; IS_PRIMARY is its compatible name): it requests the active role back when it can.';
COMMENT ON COLUMN plantao.cluster_status.position IS 'How far it has read the event log.';
COMMENT ON COLUMN plantao.cluster_status.behind IS 'Number of events that it has not read yet.';
COMMENT ON COLUMN plantao.cluster_status.waiters IS 'Number of open long polls and streams.';
COMMENT ON COLUMN plantao.cluster_status.started_at IS 'When its process started.';
COMMENT ON COLUMN plantao.cluster_status.durable IS 'On the row of the active node, what a commit waits for: local or replicated (plantao.commit_durability).';
COMMENT ON COLUMN plantao.cluster_status.messages_at_risk IS 'On the row of the active node, how many messages a failover of PostgreSQL at this moment could lose (plantao.messages_at_risk).';
COMMENT ON COLUMN plantao.cluster_status.posts_per_second IS 'Posts that it committed in the second before its heartbeat.';
COMMENT ON COLUMN plantao.cluster_status.commit_ms IS 'Its longest commit of posts in that second; null if there was none.';
COMMENT ON COLUMN plantao.cluster_status.delivery_ms IS 'The longest time from an event''s record to its delivery by this node in that second; null if there was none.';
COMMENT ON COLUMN plantao.cluster_status.queued_posts IS 'Posts that waited for the next commit at that moment.';
COMMENT ON COLUMN plantao.cluster_status.conditions IS 'The faults that kept it from the work of its role at that moment, and others that it saw, as /readiness shows them; null if there was none.';

CREATE VIEW plantao.activity AS
  SELECT s.node, s.role, s.posts_per_second, s.queued_posts, s.commit_ms, s.waiters, s.behind, s.delivery_ms, s.heartbeat_age_ms
  FROM plantao.cluster_status s
  -- The figures of a silent node are out of date.
  WHERE s.role NOT IN ('stopped', 'silent')
  ORDER BY s.node;
COMMENT ON VIEW plantao.activity IS 'The current work of each living node: one row for each, about a second old. In psql: TABLE plantao.activity \watch 1';
COMMENT ON COLUMN plantao.activity.node IS 'Name of the node.';
COMMENT ON COLUMN plantao.activity.role IS 'active | standby | fallen.';
COMMENT ON COLUMN plantao.activity.posts_per_second IS 'Posts that it committed in the second before its heartbeat.';
COMMENT ON COLUMN plantao.activity.queued_posts IS 'Posts that waited for the next commit at that moment.';
COMMENT ON COLUMN plantao.activity.commit_ms IS 'Its longest commit of posts in that second; null if there was none.';
COMMENT ON COLUMN plantao.activity.waiters IS 'Number of open long polls and streams.';
COMMENT ON COLUMN plantao.activity.behind IS 'Number of events that it has not read yet.';
COMMENT ON COLUMN plantao.activity.delivery_ms IS 'The longest time from an event''s record to its delivery by this node in that second; null if there was none.';
COMMENT ON COLUMN plantao.activity.heartbeat_age_ms IS 'Age of these figures, in milliseconds.';

CREATE VIEW plantao.event_log_status AS
  SELECT l.floor + 1 AS first_position, b.head, b.head - l.floor AS events,
         (SELECT at FROM plantao.events WHERE position > l.floor ORDER BY position LIMIT 1) AS oldest_at,
         (SELECT at FROM plantao.events ORDER BY position DESC LIMIT 1) AS newest_at,
         b.epoch, pg_total_relation_size('plantao.events') AS bytes,
         l.floor AS removed, l.swept_at,
         (SELECT min(sent_at) FROM plantao.idempotency_keys) AS oldest_key_at,
         l.payload_bytes
  FROM plantao.event_log l CROSS JOIN plantao.log_bounds b;
COMMENT ON VIEW plantao.event_log_status IS 'One row: the bounds, age and size of the event log.';
COMMENT ON COLUMN plantao.event_log_status.first_position IS 'Oldest position in the log.';
COMMENT ON COLUMN plantao.event_log_status.head IS 'Newest position.';
COMMENT ON COLUMN plantao.event_log_status.events IS 'Number of events in the log.';
COMMENT ON COLUMN plantao.event_log_status.oldest_at IS 'When the oldest event was appended.';
COMMENT ON COLUMN plantao.event_log_status.newest_at IS 'When the newest event was appended.';
COMMENT ON COLUMN plantao.event_log_status.epoch IS 'The epoch that new cursors carry.';
COMMENT ON COLUMN plantao.event_log_status.bytes IS 'Table and indexes on disk.';
COMMENT ON COLUMN plantao.event_log_status.removed IS 'Number of events that retention has removed.';
COMMENT ON COLUMN plantao.event_log_status.swept_at IS 'When retention ran last: about once a minute while a node is active.';
COMMENT ON COLUMN plantao.event_log_status.payload_bytes IS 'Total size of the payloads in the log when retention ran last; EVENT_RETENTION_BYTES limits it.';
COMMENT ON COLUMN plantao.event_log_status.oldest_key_at IS 'When the oldest idempotency key was used; its age exceeds IDEMPOTENCY_RETENTION_HOURS only a little.';

CREATE VIEW plantao.durability AS
  SELECT plantao.commit_durability() AS durable, current_setting('synchronous_standby_names') AS synchronous_standby_names,
         s.standby, s.client_addr, s.state, s.sync_state, s.lag_bytes, s.lag_events, s.lag_ms, s.messages_at_risk
  FROM (SELECT) one LEFT JOIN plantao.standbys() s ON true
  ORDER BY s.messages_at_risk, s.lag_bytes, s.standby;
COMMENT ON VIEW plantao.durability IS
  'The durability of commits, and the data that each standby lacks: one row for each connected standby, the most advanced first, or one row with a null standby. A failover at this moment could lose the messages_at_risk of the standby that is promoted.';
COMMENT ON COLUMN plantao.durability.durable IS 'The disks for which a commit of a session like this one waits: local (this server''s) or replicated (those of the synchronous standbys too).';
COMMENT ON COLUMN plantao.durability.synchronous_standby_names IS 'The setting; empty if replication is asynchronous.';
COMMENT ON COLUMN plantao.durability.standby IS 'application_name of the standby; null if none is connected.';
COMMENT ON COLUMN plantao.durability.client_addr IS 'Address of the standby; null for a Unix socket.';
COMMENT ON COLUMN plantao.durability.state IS 'streaming, or catchup while it is still far behind.';
COMMENT ON COLUMN plantao.durability.sync_state IS 'sync or quorum: commits wait for it; potential: they would if another failed; async: they do not.';
COMMENT ON COLUMN plantao.durability.lag_bytes IS 'Bytes of the write-ahead log that this server has on disk and the standby has not.';
COMMENT ON COLUMN plantao.durability.lag_events IS 'Events that the standby may not have.';
COMMENT ON COLUMN plantao.durability.lag_ms IS 'Age of the oldest of these events, in milliseconds; 0 if there are none.';
COMMENT ON COLUMN plantao.durability.messages_at_risk IS 'How many of these events are messages: lost if the standby were promoted now. May count one transaction too many.';

CREATE VIEW plantao.group_activity AS
  SELECT g.id AS group_id, g.name, (SELECT count(*) FROM plantao.memberships m WHERE m.group_id = g.id) AS members,
         last.id AS last_message_id, last.created_at AS last_message_at, u.username AS last_sender
  FROM plantao.groups g
  LEFT JOIN LATERAL (SELECT id, created_at, sender_id FROM plantao.messages m
                     -- Rows are compared, as in src/database/sql/key-range.ts.
                     WHERE (m.group_id, m.id) > (g.id, 0) AND (m.group_id, m.id) <= (g.id, 9223372036854775807)
                     ORDER BY m.group_id DESC, m.id DESC LIMIT 1) last ON true
  LEFT JOIN plantao.users u ON u.id = last.sender_id
  ORDER BY last.created_at DESC NULLS LAST;
COMMENT ON VIEW plantao.group_activity IS 'One row for each group, the most recently active first.';
COMMENT ON COLUMN plantao.group_activity.group_id IS 'The group.';
COMMENT ON COLUMN plantao.group_activity.name IS 'Name of the group.';
COMMENT ON COLUMN plantao.group_activity.members IS 'Number of members.';
COMMENT ON COLUMN plantao.group_activity.last_message_id IS 'Id of its newest message.';
COMMENT ON COLUMN plantao.group_activity.last_message_at IS 'When its newest message was sent.';
COMMENT ON COLUMN plantao.group_activity.last_sender IS 'Sender of its newest message.';

-- When PostgreSQL refuses a node a lock, the node reads this view and logs the sessions that it lists. Not pg_prepared_xacts,
-- which reads pg_authid and pg_database as pg_stat_activity does.
CREATE VIEW plantao.blocking AS
  WITH here AS (
    SELECT plantao.database_oid() AS oid
  ), sessions AS MATERIALIZED (
    SELECT * FROM plantao.sessions()
  ), held AS (
    SELECT l.pid, l.virtualtransaction,
           CASE WHEN l.relation = 'plantao_mutexes.event_log'::regclass THEN 'event log'
                WHEN l.relation = 'plantao_mutexes.write_fence'::regclass THEN
                  CASE l.mode WHEN 'RowExclusiveLock' THEN 'next term' ELSE 'writes of nodes' END
                WHEN l.relation = 'plantao_mutexes.group_names'::regclass THEN 'new group names'
                WHEN l.relation = 'plantao.leader_terms'::regclass THEN 'next term'
                ELSE 'table ' || c.relname END AS what
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.granted AND l.locktype = 'relation' AND l.database = (SELECT oid FROM here)
      AND (c.relnamespace = 'plantao_mutexes'::regnamespace
           -- pg_locks does not list row locks, but the table lock that comes with one.
           OR (c.oid = 'plantao.leader_terms'::regclass AND l.mode IN ('RowShareLock', 'RowExclusiveLock'))
           OR (c.relnamespace = 'plantao'::regnamespace
               AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')))
    UNION
    SELECT l.pid, l.virtualtransaction, 'leader lock'
    FROM pg_locks l
    WHERE l.granted AND l.locktype = 'advisory' AND l.classid = 1347178068 AND l.objid = 1 AND l.objsubid = 2
      AND l.database = (SELECT oid FROM here)
      -- As in plantao.end_silent_holder(). This view reads no table of the schema: it would wait for the sessions that it names.
      AND NOT EXISTS (SELECT FROM sessions a WHERE a.pid = l.pid AND a.application_name LIKE 'plantao:%:lock')
  ), waiting AS MATERIALIZED (
    SELECT a.pid, a.application_name, pg_blocking_pids(a.pid) AS behind
    FROM sessions a
    WHERE a.datid = (SELECT oid FROM here) AND EXISTS (SELECT FROM pg_locks w WHERE w.pid = a.pid AND NOT w.granted)
  ), rows_held AS (
    -- Of row locks, only the table lock that comes with them can be seen. A node's own are brief.
    SELECT l.pid, l.virtualtransaction, 'rows of ' || c.relname AS what
    FROM pg_locks l JOIN pg_class c ON c.oid = l.relation
    WHERE l.granted AND l.locktype = 'relation' AND l.database = (SELECT oid FROM here)
      AND c.relnamespace = 'plantao'::regnamespace AND c.relkind IN ('r', 'p') AND l.mode IN ('RowShareLock', 'RowExclusiveLock')
      AND NOT EXISTS (SELECT FROM held h WHERE h.virtualtransaction = l.virtualtransaction)
      AND NOT EXISTS (SELECT FROM sessions a WHERE a.pid = l.pid AND a.application_name LIKE 'plantao:%')
  ), found AS (
    SELECT h.pid, h.virtualtransaction, h.what FROM held h
    UNION
    SELECT r.pid, r.virtualtransaction, r.what FROM rows_held r
    UNION
    SELECT b.pid, NULL, w.application_name
    FROM waiting w CROSS JOIN LATERAL unnest(w.behind) AS b (pid)
    WHERE w.application_name LIKE 'plantao:%' AND b.pid <> 0 AND NOT EXISTS (SELECT FROM held h WHERE h.pid = b.pid)
      AND NOT EXISTS (SELECT FROM rows_held r WHERE r.pid = b.pid)
  )
  SELECT string_agg(DISTINCT f.what, ', ' ORDER BY f.what) AS blocks,
         (SELECT count(*) FROM waiting w WHERE f.pid = ANY (w.behind)) AS waiting,
         f.pid, coalesce(a.usename, pg_get_userbyid(p.ownerid)) AS usename, a.client_addr, a.application_name,
         CASE WHEN p.gid IS NULL THEN a.state ELSE 'prepared transaction' END AS state,
         coalesce(p.prepared, a.xact_start, a.state_change) AS since,
         clock_timestamp() - coalesce(p.prepared, a.xact_start, a.state_change) AS open_for,
         CASE WHEN p.gid IS NULL THEN format('SELECT pg_terminate_backend(%s)', f.pid)
              ELSE format('ROLLBACK PREPARED %L', p.gid) END AS ended_by
  FROM found f
  LEFT JOIN sessions a ON a.pid = f.pid
  -- A prepared transaction has no process, and a virtual id that pg_prepared_xact() does not show; it holds a lock of its own id, too.
  LEFT JOIN pg_locks x ON f.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = f.virtualtransaction
  LEFT JOIN pg_prepared_xact() p ON p.transaction = x.transactionid
  -- Only the head of each queue: sessions that wait themselves continue once it ends.
  WHERE NOT EXISTS (SELECT FROM waiting w WHERE w.pid = f.pid)
    -- A node's write takes milliseconds. The age can be negative if the clock was set back, or hidden from this role.
    AND coalesce(clock_timestamp() - coalesce(p.prepared, a.xact_start, a.state_change)
                 NOT BETWEEN interval '0' AND interval '100 ms', true)
  GROUP BY f.pid, a.usename, a.client_addr, a.application_name, a.state, a.xact_start, a.state_change, p.gid, p.ownerid, p.prepared
  ORDER BY since;
COMMENT ON VIEW plantao.blocking IS
  'The sessions and transactions that block nodes: an open transaction that has written a message, a row lock, a table lock, a session of another program with the leader lock. Normally empty, or for a moment only.';
COMMENT ON COLUMN plantao.blocking.blocks IS
  'The work that it blocks: event log (posts and membership changes), next term (promotions and resignations), writes of nodes, new group names, leader lock, table …, rows of … (statements that need one of the rows that it has locked), or the session of a node.';
COMMENT ON COLUMN plantao.blocking.waiting IS 'Number of sessions that wait for it now.';
COMMENT ON COLUMN plantao.blocking.pid IS 'Server process of the blocking session; null for a prepared transaction.';
COMMENT ON COLUMN plantao.blocking.usename IS 'Login role of the blocking session.';
COMMENT ON COLUMN plantao.blocking.client_addr IS 'Its client address; null for a Unix socket, or if this role may not see it.';
COMMENT ON COLUMN plantao.blocking.application_name IS 'Its application_name; plantao:<node>:<part> for nodes.';
COMMENT ON COLUMN plantao.blocking.state IS 'active, idle in transaction, … or prepared transaction.';
COMMENT ON COLUMN plantao.blocking.since IS 'When its transaction began; without a transaction, when its last statement ended.';
COMMENT ON COLUMN plantao.blocking.open_for IS 'Time since then.';
COMMENT ON COLUMN plantao.blocking.ended_by IS 'The statement that ends it. Its uncommitted writes roll back.';
