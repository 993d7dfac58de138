-- How durable commits are, and what a failover of PostgreSQL to a standby could lose.

CREATE FUNCTION plantao.commit_durability() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT CASE WHEN current_setting('synchronous_standby_names') <> ''
                AND current_setting('synchronous_commit') IN ('on', 'remote_apply') THEN 'replicated' ELSE 'local' END
$$;
COMMENT ON FUNCTION plantao.commit_durability() IS
  'Returns what a commit of this session waits for now. replicated: until the synchronous standbys have flushed it to disk (synchronous_standby_names is set, and synchronous_commit is on or remote_apply). local: only until this server has. A commit whose wait was cancelled ends with a warning. If synchronous_standby_names is emptied during the wait, PostgreSQL ends the wait without a warning: only plantao.replicated_lsn() is certain then.';

CREATE FUNCTION plantao.replicated_lsn() RETURNS pg_lsn
-- With the owner's rights: pg_stat_replication shows positions to members of pg_read_all_stats only.
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  -- FIRST n, or a plain list, which is FIRST 1: each of the n standbys with sync_state sync counts. ANY n: the n most advanced.
  SELECT CASE WHEN count(*) FILTER (WHERE s.place <= n.required) = n.required
              THEN min(s.flush_lsn) FILTER (WHERE s.place <= n.required) END
  FROM (SELECT coalesce(substring(current_setting('synchronous_standby_names')
                 FROM E'^ *(?:[aA][nN][yY]|[fF][iI][rR][sS][tT])? *([0-9]+) *[(]')::integer, 1) AS required) n
  CROSS JOIN (SELECT r.flush_lsn, row_number() OVER (ORDER BY r.flush_lsn DESC NULLS LAST) AS place
              FROM pg_stat_replication r WHERE r.sync_state IN ('sync', 'quorum') AND r.flush_lsn IS NOT NULL) s
  WHERE current_setting('synchronous_standby_names') <> ''
  GROUP BY n.required
$$;
COMMENT ON FUNCTION plantao.replicated_lsn() IS
  'Returns the position in the write-ahead log up to which as many synchronous standbys as synchronous_standby_names requires have flushed it. Null if there are fewer, or if the owner of the schema is not a member of pg_read_all_stats.';

CREATE FUNCTION plantao.safe_position(flushed pg_lsn) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  low bigint;
  high bigint;
  middle bigint;
  event plantao.events;
  own xid;
  -- The lsn of a restored row is of another server, and may be beyond the end of this one.
  now_at pg_lsn := pg_current_wal_insert_lsn();
BEGIN
  SELECT b.floor, b.head INTO low, high FROM plantao.log_bounds b;
  IF flushed IS NULL THEN RETURN NULL; END IF;
  -- Every acknowledged commit is flushed here.
  IF flushed >= pg_current_wal_flush_lsn() THEN RETURN high; END IF;
  WHILE low < high LOOP
    middle := (low + high + 1) / 2;
    SELECT * INTO event FROM plantao.events e WHERE e.position = middle;
    IF event.lsn IS NULL OR event.lsn <= flushed OR event.lsn > now_at THEN low := middle; ELSE high := middle - 1; END IF;
  END LOOP;
  -- That event was appended before this position, but its transaction may have committed after it, so all events of the
  -- transaction are left out.
  SELECT e.xmin INTO own FROM plantao.events e WHERE e.position = low;
  WHILE FOUND LOOP
    low := low - 1;
    PERFORM FROM plantao.events e WHERE e.position = low AND e.xmin = own;
  END LOOP;
  RETURN low;
END $$;
COMMENT ON FUNCTION plantao.safe_position(pg_lsn) IS
  'Returns the last position of the event log whose commit is certainly before the given position of the write-ahead log. May be one transaction too early. Null for null.';

CREATE FUNCTION plantao.standbys()
RETURNS TABLE (standby text, client_addr inet, state text, sync_state text, lag_bytes bigint, lag_events bigint,
               lag_ms bigint, messages_at_risk bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
  SELECT r.application_name, r.client_addr, r.state, r.sync_state,
         greatest(pg_current_wal_flush_lsn() - r.flush_lsn, 0)::bigint, b.head - s.position,
         -- A standby that has all events does not lag, however long ago the last one was.
         CASE WHEN s.position IS NOT NULL THEN coalesce(
           (SELECT greatest(plantao.ms_between(e.at, clock_timestamp()), 0) FROM plantao.events e WHERE e.position = s.position + 1), 0) END,
         CASE WHEN s.position IS NOT NULL THEN
           (SELECT count(*) FROM plantao.events e WHERE e.position > s.position AND e.kind = 'message') END
  FROM pg_stat_replication r
  CROSS JOIN plantao.log_bounds b
  CROSS JOIN LATERAL (SELECT plantao.safe_position(r.flush_lsn) AS position OFFSET 0) s
  WHERE NOT pg_is_in_recovery() AND r.state IN ('streaming', 'catchup')
$$;
COMMENT ON FUNCTION plantao.standbys() IS
  'Returns the connected standbys of this server and what each lacks; see plantao.durability. The lags are null if the owner of the schema is not a member of pg_read_all_stats.';

CREATE FUNCTION plantao.messages_at_risk() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT min(s.messages_at_risk) FROM plantao.standbys() s
  WHERE plantao.commit_durability() = 'local' OR s.sync_state IN ('sync', 'quorum')
$$;
COMMENT ON FUNCTION plantao.messages_at_risk() IS
  'Returns how many messages a failover at this moment could lose, with the most advanced standby as the new primary (of the synchronous ones, if there are any). May count one transaction too many. Null without a standby: the disk of this server is the only copy.';
