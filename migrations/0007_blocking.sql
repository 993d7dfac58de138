-- Which sessions hold up others now. Nodes read this when PostgreSQL refuses them a lock, and name what they find.

CREATE VIEW plantao.blocking AS
  WITH here AS (
    SELECT oid FROM pg_database WHERE datname = current_database()
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
           -- A row lock is seen by the lock of its table that comes with it.
           OR (c.oid = 'plantao.leader_terms'::regclass AND l.mode IN ('RowShareLock', 'RowExclusiveLock'))
           OR (c.relnamespace = 'plantao'::regnamespace
               AND l.mode IN ('ShareLock', 'ShareRowExclusiveLock', 'ExclusiveLock', 'AccessExclusiveLock')))
    UNION
    SELECT l.pid, l.virtualtransaction, 'leader lock'
    FROM pg_locks l
    WHERE l.granted AND l.locktype = 'advisory' AND l.classid = 1347178068 AND l.objid = 1 AND l.objsubid = 2
      AND l.database = (SELECT oid FROM here)
      AND NOT EXISTS (SELECT FROM plantao.leader_terms t WHERE t.ended_at IS NULL AND t.backend_pid = l.pid)
  ), waiting AS MATERIALIZED (
    SELECT a.pid, a.application_name, pg_blocking_pids(a.pid) AS behind
    FROM pg_stat_activity a
    WHERE a.datid = (SELECT oid FROM here) AND EXISTS (SELECT FROM pg_locks w WHERE w.pid = a.pid AND NOT w.granted)
  ), found AS (
    SELECT h.pid, h.virtualtransaction, h.what FROM held h
    UNION
    SELECT b.pid, NULL, w.application_name
    FROM waiting w CROSS JOIN LATERAL unnest(w.behind) AS b (pid)
    WHERE w.application_name LIKE 'plantao:%' AND b.pid <> 0 AND NOT EXISTS (SELECT FROM held h WHERE h.pid = b.pid)
  )
  SELECT string_agg(DISTINCT f.what, ', ' ORDER BY f.what) AS blocks,
         (SELECT count(*) FROM waiting w WHERE f.pid = ANY (w.behind)) AS waiting,
         f.pid, coalesce(a.usename, p.owner) AS usename, a.client_addr, a.application_name,
         CASE WHEN p.gid IS NULL THEN a.state ELSE 'prepared transaction' END AS state,
         coalesce(p.prepared, a.xact_start, a.state_change) AS since,
         clock_timestamp() - coalesce(p.prepared, a.xact_start, a.state_change) AS open_for,
         CASE WHEN p.gid IS NULL THEN format('SELECT pg_terminate_backend(%s)', f.pid)
              ELSE format('ROLLBACK PREPARED %L', p.gid) END AS ended_by
  FROM found f
  LEFT JOIN pg_stat_activity a ON a.pid = f.pid
  LEFT JOIN pg_prepared_xacts p ON f.pid IS NULL AND f.virtualtransaction = '-1/' || p.transaction
  -- Of a queue the first: what waits by itself would go on by itself.
  WHERE NOT EXISTS (SELECT FROM waiting w WHERE w.pid = f.pid)
    -- A write of a node takes milliseconds. An age may be negative where the clock was set back, or not be for this role.
    AND coalesce(clock_timestamp() - coalesce(p.prepared, a.xact_start, a.state_change)
                 NOT BETWEEN interval '0' AND interval '100 ms', true)
  GROUP BY f.pid, a.usename, a.client_addr, a.application_name, a.state, a.xact_start, a.state_change, p.gid, p.owner, p.prepared
  ORDER BY since;
COMMENT ON VIEW plantao.blocking IS
  'The sessions and transactions that hold up nodes: a transaction left open that has written a message, a row lock on plantao.leader_terms, a table lock, a stranger with the leader lock. Normally none that lasts.';
COMMENT ON COLUMN plantao.blocking.blocks IS
  'What waits for it: event log (posts and changes of memberships), next term (promotions and resignations), writes of nodes, new group names, leader lock, table …, or the session of a node.';
COMMENT ON COLUMN plantao.blocking.waiting IS 'How many sessions wait for it now.';
COMMENT ON COLUMN plantao.blocking.pid IS 'Its server process; null for a prepared transaction.';
COMMENT ON COLUMN plantao.blocking.usename IS 'The role that it logged in with.';
COMMENT ON COLUMN plantao.blocking.client_addr IS 'Where it comes from; null for a socket of the machine, or where this role may not see it.';
COMMENT ON COLUMN plantao.blocking.application_name IS 'What it calls itself; nodes are plantao:<node>:<part>.';
COMMENT ON COLUMN plantao.blocking.state IS 'active, idle in transaction, … or prepared transaction.';
COMMENT ON COLUMN plantao.blocking.since IS 'When its transaction began, or its last statement ended where it has none.';
COMMENT ON COLUMN plantao.blocking.open_for IS 'How long that is ago.';
COMMENT ON COLUMN plantao.blocking.ended_by IS 'The statement that ends it. What it has written is rolled back.';
