-- Retention: the active node removes old events and old idempotency keys in small steps (src/events/retention.ts).
--
-- DELETE instead of dropping partitions: a step removes adjacent rows, on the same few pages of the table and each index, and costs
-- the same at ten million events as at ten thousand. The floor saves readers from skipping the removed rows. Partitions would save
-- the vacuum, but they have to be created in advance, or writing stops.

CREATE FUNCTION plantao.remove_old_events(under_term bigint, older_than interval, most_kept bigint, at_most integer)
RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  floor_before bigint;
  floor_after bigint;
  log_end bigint;
BEGIN
  -- Does not wait for a synchronous standby: what a failover restores is removed again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM plantao.assert_term(under_term);
  SELECT l.floor INTO floor_before FROM plantao.event_log l FOR UPDATE;
  SELECT b.head INTO log_end FROM plantao.log_bounds b;
  -- Removal by age stops before the first event that is new enough, so that a clock that was set back leaves no gap.
  SELECT coalesce(min(o.position) FILTER (WHERE o.at >= clock_timestamp() - older_than) - 1, max(o.position), 0)
  INTO floor_after
  FROM (SELECT e.position, e.at FROM plantao.events e
        WHERE e.position > floor_before ORDER BY e.position LIMIT at_most) o;
  floor_after := greatest(floor_before, floor_after, least(log_end - most_kept, floor_before + at_most));
  DELETE FROM plantao.events e WHERE e.position > floor_before AND e.position <= floor_after;
  -- In the same transaction as the removal: a statement that reads the floor and the events sees both changes or neither.
  UPDATE plantao.event_log SET floor = floor_after, swept_at = clock_timestamp();
  RETURN floor_after - floor_before;
END $$;
COMMENT ON FUNCTION plantao.remove_old_events(bigint, interval, bigint, integer) IS
  'One step of retention under a term: removes the oldest events, at most at_most of them, that are older than older_than or beyond the newest most_kept. Returns the number removed; fewer than at_most means done.';

CREATE FUNCTION plantao.remove_old_keys(under_term bigint, older_than interval, at_most integer) RETURNS integer
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  removed integer;
BEGIN
  -- Does not wait for a synchronous standby: what a failover restores is removed again.
  PERFORM set_config('synchronous_commit', 'local', true);
  PERFORM plantao.assert_term(under_term);
  DELETE FROM plantao.idempotency_keys k WHERE (k.sender_id, k.key) IN (
    SELECT o.sender_id, o.key FROM plantao.idempotency_keys o
    WHERE o.sent_at < clock_timestamp() - older_than ORDER BY o.sent_at LIMIT at_most);
  GET DIAGNOSTICS removed = ROW_COUNT;
  RETURN removed;
END $$;
COMMENT ON FUNCTION plantao.remove_old_keys(bigint, interval, integer) IS
  'One step of retention under a term: removes at most at_most idempotency keys older than older_than. Returns the number removed.';
