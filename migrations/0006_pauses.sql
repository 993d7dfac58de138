-- Pauses of failover, for maintenance. plantao.may_lead() lets no other node be promoted during one.

CREATE TABLE plantao.pauses (
  id       bigint GENERATED ALWAYS AS IDENTITY (MAXVALUE 9007199254740991) PRIMARY KEY,
  since    timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (since >= '1970-01-01 UTC' AND since < '10000-01-01 UTC'),
  until    timestamptz NOT NULL CHECK (until > since AND until <= since + interval '24 hours'),
  reason   text CHECK (char_length(reason) <= 200),
  asked_by text NOT NULL DEFAULT session_user CHECK (char_length(asked_by) <= 200),
  ended_at timestamptz CHECK (ended_at >= '1970-01-01 UTC' AND ended_at < '10000-01-01 UTC'),
  ended_by text CHECK (char_length(ended_by) <= 200)
);
COMMENT ON TABLE plantao.pauses IS 'One row for each call of plantao.pause(). Read it through plantao.current_pause.';
COMMENT ON COLUMN plantao.pauses.id IS 'Ascending; only the newest pause counts.';
COMMENT ON COLUMN plantao.pauses.since IS 'When it was requested.';
COMMENT ON COLUMN plantao.pauses.until IS 'When it ends by itself, at most 24 hours later.';
COMMENT ON COLUMN plantao.pauses.reason IS 'The reason, as plantao.current_pause, the log and /health show it.';
COMMENT ON COLUMN plantao.pauses.asked_by IS 'Role, or HTTP client, that requested it.';
COMMENT ON COLUMN plantao.pauses.ended_at IS 'When plantao.resume() ended it; null if it has not, or if the pause ended by itself.';
COMMENT ON COLUMN plantao.pauses.ended_by IS 'Role, or HTTP client, that ended it.';

CREATE VIEW plantao.current_pause AS
  SELECT p.since, p.until, p.reason, p.asked_by
  -- A pause lasts at most 24 hours, even one that was inserted by hand with times in the future.
  FROM (SELECT * FROM plantao.pauses WHERE pauses.until <= clock_timestamp() + interval '24 hours' ORDER BY id DESC LIMIT 1) p
  WHERE p.ended_at IS NULL AND p.until > clock_timestamp();
COMMENT ON VIEW plantao.current_pause IS
  'The pause of failover (plantao.pause) if there is one: at most one row. Until it ends no node is promoted, except the process that was active last.';
COMMENT ON COLUMN plantao.current_pause.since IS 'When it was requested.';
COMMENT ON COLUMN plantao.current_pause.until IS 'When it ends by itself.';
COMMENT ON COLUMN plantao.current_pause.reason IS 'The reason that was given; null if none was.';
COMMENT ON COLUMN plantao.current_pause.asked_by IS 'Role, or HTTP client, that requested it.';

CREATE FUNCTION plantao.pause(for_time interval DEFAULT '30 minutes', reason text DEFAULT NULL, requested_by text DEFAULT NULL)
RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  ends_at timestamptz := clock_timestamp() + for_time;
BEGIN
  IF for_time IS NULL OR for_time < interval '1 second' OR ends_at > clock_timestamp() + interval '24 hours' THEN
    RAISE EXCEPTION 'a pause lasts from 1 second to 24 hours, not %', coalesce(for_time::text, 'null')
      USING ERRCODE = 'invalid_parameter_value';
  END IF;
  -- During maintenance of PostgreSQL a synchronous standby may be away: the pause does not wait for it.
  PERFORM set_config('synchronous_commit', 'local', true);
  INSERT INTO plantao.pauses (since, until, reason, asked_by)
  VALUES (ends_at - for_time, ends_at, left(pause.reason, 200), left(coalesce(requested_by, session_user), 200));
  PERFORM plantao.hint('plantao_cluster', json_build_object('kind', 'pause')::text);
  RETURN format('failover is paused until %s; SELECT plantao.resume() ends the pause', to_char(ends_at, 'YYYY-MM-DD HH24:MI:SS TZ'));
END $$;
COMMENT ON FUNCTION plantao.pause(interval, text, text) IS
  'Pauses failover, for maintenance: until plantao.resume() or the end of the given time, at most 24 hours, no node is promoted except the process that was active last, which may take its role back after a restart of PostgreSQL. The active node goes on writing. If its process dies, no node is active until the pause ends. A second call replaces the first. requested_by: the HTTP client for which a node calls it.';

CREATE FUNCTION plantao.resume(requested_by text DEFAULT NULL) RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  is_paused boolean := EXISTS (SELECT FROM plantao.current_pause);
BEGIN
  PERFORM set_config('synchronous_commit', 'local', true);
  UPDATE plantao.pauses p SET ended_at = clock_timestamp(), ended_by = left(coalesce(requested_by, session_user), 200)
  WHERE p.ended_at IS NULL AND p.until > clock_timestamp();
  PERFORM plantao.hint('plantao_cluster', json_build_object('kind', 'pause')::text);
  RETURN CASE WHEN is_paused THEN 'failover is possible again' ELSE 'failover was not paused' END;
END $$;
COMMENT ON FUNCTION plantao.resume(text) IS
  'Ends the pause of failover (plantao.pause). If no node is active, one is promoted at once. requested_by: the HTTP client for which a node calls it.';
