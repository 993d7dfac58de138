-- Retention: the active node removes old events and old idempotency keys in small steps (src/events/retention.ts).
--
-- DELETE instead of dropping partitions: a step removes adjacent rows, on the same few pages of the table and each index, and costs
-- the same at ten million events as at ten thousand. The floor saves readers from skipping the removed rows. Partitions would save
-- the vacuum, but they have to be created in advance, or writing stops.

CREATE FUNCTION plantao.count_payload_bytes(under_term bigint, at_most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  log plantao.event_log;
  counted bigint;
  bytes bigint;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM plantao.assert_term(under_term);
  SELECT * INTO log FROM plantao.event_log FOR UPDATE;
  -- Events that were counted are lost: count from the beginning.
  IF log.counted_to > plantao.log_head() THEN
    log.counted_to := log.floor;
    log.payload_bytes := 0;
  END IF;
  SELECT count(*), coalesce(sum(n.payload_bytes), 0), coalesce(max(n.position), log.counted_to)
  INTO counted, bytes, log.counted_to
  FROM (SELECT e.position, e.payload_bytes FROM plantao.events e
        WHERE e.position > log.counted_to ORDER BY e.position LIMIT at_most) n;
  UPDATE plantao.event_log SET counted_to = log.counted_to, payload_bytes = log.payload_bytes + bytes;
  RETURN counted;
END $$;
COMMENT ON FUNCTION plantao.count_payload_bytes(bigint, integer) IS
  'One step of retention under a term: adds the payloads of the next at_most events to plantao.event_log.payload_bytes. Returns the number of events counted; fewer than at_most means done.';

CREATE FUNCTION plantao.remove_old_events(
  under_term bigint, older_than interval, most_kept bigint, most_bytes bigint, at_most integer
) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  log plantao.event_log;
  floor_after bigint;
  log_end bigint;
  removed_bytes bigint;
BEGIN
  -- Does not wait for a synchronous standby: what a failover restores is removed again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM plantao.assert_term(under_term);
  SELECT * INTO log FROM plantao.event_log FOR UPDATE;
  SELECT b.head INTO log_end FROM plantao.log_bounds b;
  -- Removal by age stops before the first event that is new enough, so that a clock that was set back leaves no gap. An event
  -- dated in the future, by hand or by a wrong clock, counts as old as the next one. Removal by size goes on while the payloads that
  -- are left are too large.
  SELECT greatest(
    coalesce(max(o.position) FILTER (WHERE o.is_old AND o.position < coalesce(o.first_new, 9223372036854775807)), 0),
    max(o.position) FILTER (WHERE log.payload_bytes - o.bytes_before > most_bytes))
  INTO floor_after
  FROM (SELECT e.position, e.at < clock_timestamp() - older_than AS is_old,
               min(e.position) FILTER (WHERE e.at BETWEEN clock_timestamp() - older_than AND clock_timestamp() + interval '1 day') OVER ()
                 AS first_new,
               coalesce(sum(e.payload_bytes) OVER (ORDER BY e.position ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0)
                 AS bytes_before
        -- The limit is in the subquery: outside, PostgreSQL would apply it after the window functions, which would read the whole log.
        FROM (SELECT oldest.position, oldest.at, oldest.payload_bytes FROM plantao.events oldest
              WHERE oldest.position > log.floor ORDER BY oldest.position LIMIT at_most) e) o;
  -- One step passes a gap, which an INSERT by hand may have left, however large it is.
  floor_after := greatest(log.floor, floor_after, least(log_end - most_kept, greatest(log.floor + at_most,
    (SELECT e.position - 1 FROM plantao.events e WHERE e.position > log.floor ORDER BY e.position LIMIT 1))));
  -- Before the removal, which would otherwise look like lost events (plantao.note_lost_end), and in one transaction with it: a
  -- statement that reads the floor and the events sees both changes or neither.
  UPDATE plantao.event_log SET floor = floor_after;
  WITH removed AS (
    DELETE FROM plantao.events e WHERE e.position > log.floor AND e.position <= floor_after
    RETURNING e.position, e.payload_bytes)
  SELECT coalesce(sum(r.payload_bytes) FILTER (WHERE r.position <= log.counted_to), 0) INTO removed_bytes FROM removed r;
  UPDATE plantao.event_log SET swept_at = clock_timestamp(),
    counted_to = greatest(log.counted_to, floor_after), payload_bytes = greatest(log.payload_bytes - removed_bytes, 0);
  RETURN least(floor_after - log.floor, 2147483647);
END $$;
COMMENT ON FUNCTION plantao.remove_old_events(bigint, interval, bigint, bigint, integer) IS
  'One step of retention under a term: removes the oldest events, at most at_most of them: those older than older_than, those beyond the newest most_kept, and as many as it takes to keep the payloads within most_bytes (as counted by plantao.count_payload_bytes). Returns the number removed; fewer than at_most means done.';

CREATE FUNCTION plantao.remove_old_keys(under_term bigint, older_than interval, at_most integer) RETURNS integer
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  removed integer;
  removed_results integer;
BEGIN
  -- Does not wait for a synchronous standby: what a failover restores is removed again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM plantao.assert_term(under_term);
  -- Rows are deleted by their ctid: PostgreSQL does not know at_most, assumes a tenth of the table, and would join all of it. The clock
  -- is read in a subquery, as in plantao.record_revocations().
  DELETE FROM plantao.idempotency_keys k WHERE k.ctid = ANY (ARRAY(
    SELECT o.ctid FROM plantao.idempotency_keys o
    WHERE o.sent_at < (SELECT clock_timestamp() - older_than) ORDER BY o.sent_at LIMIT at_most
    -- The deletion of an account removes keys in another order.
    FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS removed = ROW_COUNT;
  DELETE FROM plantao.request_keys k WHERE k.ctid = ANY (ARRAY(
    SELECT o.ctid FROM plantao.request_keys o
    WHERE o.used_at < (SELECT clock_timestamp() - older_than) ORDER BY o.used_at LIMIT at_most
    FOR UPDATE SKIP LOCKED));
  GET DIAGNOSTICS removed_results = ROW_COUNT;
  RETURN removed + removed_results;
END $$;
COMMENT ON FUNCTION plantao.remove_old_keys(bigint, interval, integer) IS
  'One step of retention under a term: removes idempotency keys older than older_than, at most at_most of messages and at most at_most of other requests. Returns the number removed; fewer than at_most means done. Skips keys that another transaction holds. Runs with the owner''s rights: the service may not lock keys.';

CREATE FUNCTION plantao.remove_silent_nodes(under_term bigint, at_most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  silent text;
  removed integer := 0;
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  -- Before the fence, and without waiting: this table is only informational, so a session that has locked it must not delay a switchover.
  BEGIN
    LOCK TABLE plantao.nodes IN ROW EXCLUSIVE MODE NOWAIT;
  EXCEPTION WHEN lock_not_available THEN RETURN 0;
  END;
  PERFORM plantao.assert_term(under_term);
  FOR silent IN
    SELECT n.node FROM plantao.nodes n WHERE n.heartbeat_at < clock_timestamp() - interval '7 days' LIMIT at_most FOR UPDATE SKIP LOCKED
  LOOP
    -- One by one: a row to which a table of the DBA refers stays, and the others go.
    BEGIN
      DELETE FROM plantao.nodes n WHERE n.node = silent;
      removed := removed + 1;
    EXCEPTION WHEN integrity_constraint_violation THEN NULL;
    END;
  END LOOP;
  RETURN removed;
END $$;
COMMENT ON FUNCTION plantao.remove_silent_nodes(bigint, integer) IS
  'One step of retention under a term: removes at most at_most rows of nodes that have been silent for seven days. Nodes without NODE_NAME are named after their process, so each start leaves a row. Returns the number removed; fewer than at_most means done. Does nothing while another session has locked the table, and skips rows to which a foreign key refers.';
