-- Retention: old events and old idempotency keys go in small steps, done by the active (src/events/retention.ts).
--
-- DELETE and not DROP of partitions: a step removes neighbours, rows of the same few pages in every index, and costs as
-- much at ten million events as at ten thousand; the floor spares readers the step over what was removed. Partitions would
-- save the vacuum afterwards and cost what we would miss more: somebody has to make them ahead of time, or writing stops.

CREATE FUNCTION plantao.remove_old_events(under_term bigint, older_than interval, most_kept bigint, at_most integer)
RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  floor_before bigint;
  floor_after bigint;
  log_end bigint;
BEGIN
  -- What a failover brings back is removed again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM plantao.assert_term(under_term);
  SELECT l.floor INTO floor_before FROM plantao.event_log l FOR UPDATE;
  SELECT b.head INTO log_end FROM plantao.log_bounds b;
  -- By age only what lies before the first event that is young enough, so no hole is made where a clock was set back.
  SELECT coalesce(min(o.position) FILTER (WHERE o.at >= clock_timestamp() - older_than) - 1, max(o.position), 0)
  INTO floor_after
  FROM (SELECT e.position, e.at FROM plantao.events e
        WHERE e.position > floor_before ORDER BY e.position LIMIT at_most) o;
  floor_after := greatest(floor_before, floor_after, least(log_end - most_kept, floor_before + at_most));
  DELETE FROM plantao.events e WHERE e.position > floor_before AND e.position <= floor_after;
  -- In the transaction of the removal: who reads the floor and the events in one statement sees both or neither.
  UPDATE plantao.event_log SET floor = floor_after, swept_at = clock_timestamp();
  RETURN floor_after - floor_before;
END $$;
COMMENT ON FUNCTION plantao.remove_old_events(bigint, interval, bigint, integer) IS
  'One step of retention under a term: removes the oldest events, at most at_most of them, that are older than older_than or beyond the newest most_kept. Returns how many; fewer than at_most means done.';

CREATE FUNCTION plantao.remove_old_keys(under_term bigint, older_than interval, at_most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  removed integer;
BEGIN
  -- What a failover brings back is removed again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM plantao.assert_term(under_term);
  DELETE FROM plantao.idempotency_keys k WHERE (k.sender_id, k.key) IN (
    SELECT o.sender_id, o.key FROM plantao.idempotency_keys o
    WHERE o.sent_at < clock_timestamp() - older_than ORDER BY o.sent_at LIMIT at_most);
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $$;
COMMENT ON FUNCTION plantao.remove_old_keys(bigint, interval, integer) IS
  'One step of retention under a term: removes idempotency keys older than older_than, at most at_most. Returns how many.';
