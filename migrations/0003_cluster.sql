-- The cluster: its identity, its nodes and their settings, and whether its server is writable.

CREATE TABLE plantao.cluster (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  id       uuid NOT NULL DEFAULT gen_random_uuid()
);
INSERT INTO plantao.cluster DEFAULT VALUES;
COMMENT ON TABLE plantao.cluster IS
  'One row: the identity of the cluster. A copy of the database has the same id in another epoch. To make a copy a separate cluster: UPDATE plantao.cluster SET id = gen_random_uuid(); then restart its nodes.';
COMMENT ON COLUMN plantao.cluster.only_row IS 'Limits the table to one row.';
COMMENT ON COLUMN plantao.cluster.id IS 'The cluster id in /health. Nodes with different ids are not peers.';
CREATE TRIGGER refuse_removal BEFORE DELETE OR TRUNCATE ON plantao.cluster
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_removal();

CREATE FUNCTION plantao.cluster_id() RETURNS uuid
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT id FROM plantao.cluster
$$;
COMMENT ON FUNCTION plantao.cluster_id() IS 'Returns the id of the cluster.';

CREATE FUNCTION plantao.newest_epoch() RETURNS bigint
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT number FROM plantao.epochs ORDER BY number DESC LIMIT 1
$$;
COMMENT ON FUNCTION plantao.newest_epoch() IS 'Returns the number of the newest epoch.';

CREATE FUNCTION plantao.read_only_reason() RETURNS text
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF pg_is_in_recovery() THEN
    RETURN 'connected to a standby: the server is in recovery';
  END IF;
  -- Every heartbeat calls this. Statements that read tables are separate, and run only where they may find something: a session
  -- that locks a catalog must not cost the active node its role.
  IF EXISTS (SELECT FROM pg_settings WHERE name = 'default_transaction_read_only' AND reset_val = 'on') THEN
    BEGIN
      LOCK TABLE pg_db_role_setting IN ACCESS SHARE MODE NOWAIT;
    EXCEPTION WHEN lock_not_available THEN
      RETURN NULL;
    END;
    -- Only the server's own value counts: a node overrides that of the database or the role in each of its sessions.
    IF NOT EXISTS (
      SELECT FROM pg_db_role_setting s
      WHERE s.setdatabase IN (0, plantao.database_oid())
        AND s.setrole IN (0, to_regrole(quote_ident(session_user))::oid)
        AND EXISTS (SELECT FROM unnest(s.setconfig) c WHERE starts_with(c, 'default_transaction_read_only='))) THEN
      RETURN 'connected to a read-only server: default_transaction_read_only is on';
    END IF;
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.read_only_reason() IS
  'Returns why no node may be active on this server: it is a standby, or its configuration has default_transaction_read_only on. Null if it is writable.';

CREATE FUNCTION plantao.refuse_read_only() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  reason text := plantao.read_only_reason();
BEGIN
  IF reason IS NOT NULL THEN
    RAISE EXCEPTION '%', reason USING ERRCODE = 'read_only_sql_transaction';
  END IF;
END $$;
COMMENT ON FUNCTION plantao.refuse_read_only() IS 'Raises SQLSTATE 25006 with plantao.read_only_reason() if there is one.';

CREATE TABLE plantao.nodes (
  node         text COLLATE "C" PRIMARY KEY CHECK (char_length(node) <= 64),
  url          text NOT NULL CHECK (char_length(url) <= 2048),
  pid          integer NOT NULL,
  version      text NOT NULL CHECK (char_length(version) <= 64),
  role         text NOT NULL CHECK (role IN ('active', 'standby', 'fallen', 'stopped')),
  is_preferred boolean NOT NULL DEFAULT false,
  term         bigint CHECK (term BETWEEN 0 AND 9007199254740991),
  position     bigint NOT NULL DEFAULT 0 CHECK (position BETWEEN 0 AND 9007199254740991),
  waiters      integer NOT NULL DEFAULT 0 CHECK (waiters >= 0),
  started_at   timestamptz NOT NULL CHECK (started_at >= '1970-01-01 UTC' AND started_at < '10000-01-01 UTC'),
  heartbeat_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (heartbeat_at >= '1970-01-01 UTC' AND heartbeat_at < '10000-01-01 UTC'),
  cluster      uuid NOT NULL DEFAULT plantao.cluster_id(),
  history      text NOT NULL DEFAULT plantao.history_fingerprint() CHECK (char_length(history) <= 100),
  posts_per_second real NOT NULL DEFAULT 0 CHECK (posts_per_second >= 0 AND posts_per_second < 'infinity'),
  commit_ms    real CHECK (commit_ms >= 0 AND commit_ms < 'infinity'),
  delivery_ms  real CHECK (delivery_ms >= 0 AND delivery_ms < 'infinity'),
  queued_posts integer NOT NULL DEFAULT 0 CHECK (queued_posts >= 0),
  active_at    timestamptz CHECK (active_at >= '1970-01-01 UTC' AND active_at < '10000-01-01 UTC'),
  conditions   text CHECK (char_length(conditions) <= 4096)
);
COMMENT ON TABLE plantao.nodes IS 'One row for each node, written by that node about once a second. Read it through plantao.cluster_status.';
COMMENT ON COLUMN plantao.nodes.node IS 'Name of the node (NODE_NAME).';
COMMENT ON COLUMN plantao.nodes.url IS 'URL for peers and clients.';
COMMENT ON COLUMN plantao.nodes.pid IS 'Process id on its machine.';
COMMENT ON COLUMN plantao.nodes.version IS 'Version of the software.';
COMMENT ON COLUMN plantao.nodes.role IS 'Its role when it wrote the row, as far as it knew.';
COMMENT ON COLUMN plantao.nodes.is_preferred IS 'True if PREFERRED is set for the node: it requests the active role back when it can.';
COMMENT ON COLUMN plantao.nodes.term IS 'The newest term it knows.';
COMMENT ON COLUMN plantao.nodes.position IS 'How far it has read the event log.';
COMMENT ON COLUMN plantao.nodes.waiters IS 'Number of open long polls and streams.';
COMMENT ON COLUMN plantao.nodes.started_at IS 'When its process started.';
COMMENT ON COLUMN plantao.nodes.heartbeat_at IS 'When it wrote the row, by the clock of the database.';
COMMENT ON COLUMN plantao.nodes.cluster IS 'The cluster id that it knows. Nodes of another cluster are not peers.';
COMMENT ON COLUMN plantao.nodes.posts_per_second IS 'Posts that it committed in the last second.';
COMMENT ON COLUMN plantao.nodes.commit_ms IS 'Its longest commit of posts in the last second; null if there was none.';
COMMENT ON COLUMN plantao.nodes.delivery_ms IS 'The longest time from the recording of an event to its delivery by this node in the last second; null if there was none.';
COMMENT ON COLUMN plantao.nodes.queued_posts IS 'Posts that waited for the next commit when it wrote the row.';
COMMENT ON COLUMN plantao.nodes.active_at IS 'When it last wrote the row as the active node, by the clock of the database; null if it never has. A restart keeps it.';
COMMENT ON COLUMN plantao.nodes.conditions IS 'The faults that keep it from the work of its role, and others that it sees, as /readiness shows them; null if there is none.';
COMMENT ON COLUMN plantao.nodes.history IS 'plantao.history_fingerprint() when it wrote the row. A row with another fingerprint was copied with the database: its node belongs to another cluster.';

CREATE TABLE plantao.node_settings (
  node       text COLLATE "C" PRIMARY KEY CHECK (char_length(node) <= 64),
  settings   jsonb NOT NULL CHECK (jsonb_typeof(settings) = 'object' AND octet_length(settings::text) <= 65536),
  written_at timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (written_at >= '1970-01-01 UTC' AND written_at < '10000-01-01 UTC')
);
COMMENT ON TABLE plantao.node_settings IS 'One row for each node, written by that node when it starts and when a setting changes. Read it through plantao.settings.';
COMMENT ON COLUMN plantao.node_settings.node IS 'Name of the node (NODE_NAME).';
COMMENT ON COLUMN plantao.node_settings.settings IS 'Its settings by the name of their environment variable, without secrets.';
COMMENT ON COLUMN plantao.node_settings.written_at IS 'When it wrote the row.';

CREATE VIEW plantao.settings AS
  SELECT s.node, v.key AS name, v.value, s.written_at
  FROM plantao.node_settings s CROSS JOIN LATERAL jsonb_each_text(s.settings) v
  ORDER BY v.key COLLATE "C", s.node;
COMMENT ON VIEW plantao.settings IS
  'The settings that each node runs with, defaults included: one row for each node and setting. Passwords in URLs are masked, and for ADMIN_TOKEN it shows only whether it is set. A stopped node keeps its rows until plantao.nodes forgets it.';
COMMENT ON COLUMN plantao.settings.node IS 'Name of the node.';
COMMENT ON COLUMN plantao.settings.name IS 'Environment variable of the setting, as .env.example documents it.';
COMMENT ON COLUMN plantao.settings.value IS 'Value in effect; that of LOG_LEVEL may have been changed at run time. Null if the setting has no value.';
COMMENT ON COLUMN plantao.settings.written_at IS 'When the node started, or last changed a setting.';

CREATE FUNCTION plantao.ms_between(earlier timestamptz, later timestamptz) RETURNS bigint
LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
  SELECT greatest(least(round((extract(epoch FROM later) - extract(epoch FROM earlier)) * 1000),
    9007199254740991), -9007199254740991)::bigint
$$;
COMMENT ON FUNCTION plantao.ms_between(timestamptz, timestamptz) IS
  'Returns the milliseconds between two times, infinite ones included: subtracting those is an error, and one row must not fail a whole view.';
