-- The event log: everything that a long poll can hear, in commit order and without a gap.
--
-- A position is reserved under a mutex that is kept until the transaction ends, so the next writer reads
-- max(position) only after this one's rows are visible (or rolled back). Positions therefore become visible in order,
-- whoever writes: a node, a migration, a DBA in psql. A sequence could not promise that: a slow transaction with a lower
-- number commits later, and a reader at "position > cursor" loses its row. An UPDATE of a counter row could, but leaves
-- a dead row version a commit, which a long pg_dump keeps and every later writer has to step over.

-- The mutexes of this schema, as relations to LOCK. Advisory locks would be open to every role that may connect, and in a
-- schema that a role may use, PREPARE takes the lock of an INSERT before any privilege is checked. So they are in a schema
-- that only the owner may use, and are taken through functions that run with the owner's rights.
--
-- Views, since VACUUM, ANALYZE, REINDEX and pg_dump lock tables. SHARE UPDATE EXCLUSIVE is the mode where one at a time may
-- hold it: the stronger ones that conflict with themselves make PostgreSQL search the fast-path locks of every session.
DROP SCHEMA IF EXISTS plantao_mutexes CASCADE;
CREATE SCHEMA plantao_mutexes;
COMMENT ON SCHEMA plantao_mutexes IS
  'The mutexes of the schema plantao; grant USAGE on it to no role. TABLE plantao.blocking shows sessions that hold one for too long.';
CREATE VIEW plantao_mutexes.event_log AS SELECT 'locked by plantao.lock_log()' AS purpose;
COMMENT ON VIEW plantao_mutexes.event_log IS
  'Held by the transaction that appends to the event log (SHARE UPDATE EXCLUSIVE), until it ends.';

-- A notification is a hint. PostgreSQL keeps one queue for the whole server, and any session that listens inside an open
-- transaction, in any database, holds it. Once it is full, every transaction that notifies fails at its commit.
CREATE FUNCTION plantao.hint(channel text, payload text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Half: from there on PostgreSQL itself warns, and what is left takes what others send. A payload may have 7999 bytes.
  IF octet_length(payload) < 8000 AND pg_notification_queue_usage() < 0.5 THEN
    PERFORM pg_notify(channel, payload);
  END IF;
END $$;
COMMENT ON FUNCTION plantao.hint(text, text) IS
  'Sends a notification that may be lost: none is sent while the NOTIFY queue of the server is half full or more, so that no transaction fails because of it. Nodes read the event log once a second in any case. See plantao.notify_queue.';

CREATE VIEW plantao.notify_queue AS
  SELECT queue.usage, queue.usage < 0.5 AS hints_are_sent, holder.pid, holder.application_name, holder.usename,
         holder.datname, holder.since
  FROM (SELECT pg_notification_queue_usage() AS usage) queue
  -- PostgreSQL does not tell which session has yet to read the oldest notification. A session reads when its transaction
  -- has ended and its client takes what is sent, so the one that has done neither for longest is the likeliest.
  LEFT JOIN LATERAL (
    SELECT a.pid, a.application_name, a.usename, a.datname, coalesce(a.xact_start, a.state_change) AS since
    FROM pg_stat_activity a
    WHERE queue.usage > 0 AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
      AND (a.xact_start IS NOT NULL OR a.wait_event = 'ClientWrite')
    ORDER BY coalesce(a.xact_start, a.state_change) LIMIT 1) holder ON true;
COMMENT ON VIEW plantao.notify_queue IS
  'One row: how full the NOTIFY queue of the server is, and the session that most likely holds it. End that with SELECT pg_terminate_backend(pid) FROM plantao.notify_queue;';
COMMENT ON COLUMN plantao.notify_queue.usage IS 'From 0 to 1; at 1 every transaction that notifies fails.';
COMMENT ON COLUMN plantao.notify_queue.hints_are_sent IS 'False from 0.5 on: changes are then seen when nodes read the event log, once a second.';
COMMENT ON COLUMN plantao.notify_queue.pid IS 'Server process of the session whose transaction is open for longest, or whose client takes nothing; sessions of other roles are seen by members of pg_read_all_stats only.';
COMMENT ON COLUMN plantao.notify_queue.application_name IS 'Its name.';
COMMENT ON COLUMN plantao.notify_queue.usename IS 'Its role.';
COMMENT ON COLUMN plantao.notify_queue.datname IS 'Its database: the queue is one for the whole server.';
COMMENT ON COLUMN plantao.notify_queue.since IS 'When its transaction began, or its client stopped reading.';

CREATE TABLE plantao.events (
  position   bigint PRIMARY KEY CHECK (position BETWEEN 1 AND 9007199254740991),
  kind       text NOT NULL CHECK (kind IN ('message', 'message_deleted', 'joined', 'left', 'notification', 'broadcast')),
  group_id   bigint CHECK (group_id BETWEEN 1 AND 9007199254740991),
  topic      text COLLATE "C" CHECK (char_length(topic) <= 128),
  user_id    bigint CHECK (user_id BETWEEN 1 AND 9007199254740991),
  message_id bigint CHECK (message_id BETWEEN 1 AND 9007199254740991),
  payload    jsonb CONSTRAINT events_payload_depth CHECK (NOT payload @? 'strict $.**{101}'),
  at         timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (at >= '1970-01-01 UTC' AND at < '10000-01-01 UTC'),
  -- Measured once, so that a page of the log is cut by size without a look at what it leaves out. As text, which is what
  -- is sent: 1e308 is seven bytes in a request and 309 here.
  payload_bytes integer GENERATED ALWAYS AS (octet_length(payload::text)) STORED
    CONSTRAINT events_payload_size CHECK (payload_bytes <= 131072),
  CHECK (kind NOT IN ('message', 'message_deleted') OR (group_id IS NOT NULL AND message_id IS NOT NULL)),
  CHECK (kind NOT IN ('joined', 'left') OR (group_id IS NOT NULL AND user_id IS NOT NULL))
);
COMMENT ON TABLE plantao.events IS 'The event log. Written by triggers and plantao.notify_group() only; positions have no gap and appear in commit order.';
COMMENT ON COLUMN plantao.events.position IS 'Place in the log, 1 upwards. The number in a cursor.';
COMMENT ON COLUMN plantao.events.kind IS 'message | message_deleted | joined | left | notification | broadcast.';
COMMENT ON COLUMN plantao.events.group_id IS 'The group that hears it, if any. No foreign key: the log outlives groups.';
COMMENT ON COLUMN plantao.events.topic IS 'The free topic that hears it, if any (notifications by name).';
COMMENT ON COLUMN plantao.events.user_id IS 'Who joined or left; hears it beside the group.';
COMMENT ON COLUMN plantao.events.message_id IS 'The message told of; its text is read from plantao.messages, so deleting a message deletes its text everywhere.';
COMMENT ON COLUMN plantao.events.payload IS 'What a notification carries.';
COMMENT ON COLUMN plantao.events.payload_bytes IS 'Its length as text, in bytes: 128 KiB at the most, which is the 64 KiB of the API with the spaces that jsonb adds.';
COMMENT ON COLUMN plantao.events.at IS 'When it was appended.';
-- Serve the catch-up of a poll that comes back far behind: its own groups, its topics, its own memberships.
CREATE INDEX events_by_group ON plantao.events (group_id, position) WHERE group_id IS NOT NULL;
CREATE INDEX events_by_topic ON plantao.events (topic, position) WHERE topic IS NOT NULL;
CREATE INDEX events_by_user ON plantao.events (user_id, position) WHERE user_id IS NOT NULL;
CREATE INDEX events_broadcast ON plantao.events (position) WHERE kind = 'broadcast';

CREATE TABLE plantao.event_log (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  floor    bigint NOT NULL DEFAULT 0 CHECK (floor BETWEEN 0 AND 9007199254740991),
  swept_at timestamptz CHECK (swept_at >= '1970-01-01 UTC' AND swept_at < '10000-01-01 UTC')
);
INSERT INTO plantao.event_log DEFAULT VALUES;
COMMENT ON TABLE plantao.event_log IS 'One row: how far retention has come.';
COMMENT ON COLUMN plantao.event_log.only_row IS 'Holds the table to one row.';
COMMENT ON COLUMN plantao.event_log.floor IS 'Highest position that retention has removed; a cursor below it is refused (410). Kept here since min(position) would have to step over the removed rows.';
COMMENT ON COLUMN plantao.event_log.swept_at IS 'When retention looked last; about once a minute while a node is active.';

CREATE TABLE plantao.epochs (
  number         integer PRIMARY KEY,
  epoch          text COLLATE "C" NOT NULL UNIQUE DEFAULT substr(replace(gen_random_uuid()::text, '-', ''), 1, 12)
                 CHECK (epoch ~ '^[0-9a-f]{12}$'),
  after_position bigint NOT NULL CHECK (after_position BETWEEN 0 AND 9007199254740991),
  history        text NOT NULL,
  started_at     timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (started_at >= '1970-01-01 UTC' AND started_at < '10000-01-01 UTC')
);
COMMENT ON TABLE plantao.epochs IS 'The histories that this log has lived through. Each start and each crash recovery of the server begins one, since a restore, a lagging replica''s promotion and a loss of unflushed commits go through one of these: cursors from before the fork stay good, cursors from a lost end are refused.';
COMMENT ON COLUMN plantao.epochs.number IS 'Their order.';
COMMENT ON COLUMN plantao.epochs.epoch IS 'The name in cursors; random, so no two databases share one by chance.';
COMMENT ON COLUMN plantao.epochs.after_position IS 'Head of the log when it began: the fork.';
COMMENT ON COLUMN plantao.epochs.history IS 'plantao.history_fingerprint() then.';
COMMENT ON COLUMN plantao.epochs.started_at IS 'When it began.';

CREATE FUNCTION plantao.history_fingerprint() RETURNS text
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT concat_ws('/', extract(epoch FROM pg_postmaster_start_time()),
    (SELECT oid FROM pg_database WHERE datname = current_database()), 'plantao.events'::regclass::oid)
$$;
COMMENT ON FUNCTION plantao.history_fingerprint() IS
  'Changes whenever the log may have lost its end: start of this server / database / table. Costs some microseconds.';

-- PostgreSQL empties an unlogged table in crash recovery and when a replica is promoted, and keeps it over a clean stop. A
-- crashed backend restarts the others under the same postmaster: the fingerprint stays, commits may be lost, the row is gone.
CREATE UNLOGGED TABLE plantao.recovery_marker (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
COMMENT ON TABLE plantao.recovery_marker IS
  'One row, removed by crash recovery: where it is missing, the log may have lost its end, and the next write begins a new epoch.';
COMMENT ON COLUMN plantao.recovery_marker.only_row IS 'Holds the table to one row.';

CREATE VIEW plantao.log_bounds AS
  SELECT l.floor, greatest(coalesce((SELECT max(position) FROM plantao.events), 0), l.floor) AS head,
         (SELECT epoch FROM plantao.epochs ORDER BY number DESC LIMIT 1) AS epoch
  FROM plantao.event_log l;
COMMENT ON VIEW plantao.log_bounds IS 'Where the event log begins and ends, in the snapshot of the statement that asks.';
COMMENT ON COLUMN plantao.log_bounds.floor IS 'Highest position that retention has removed.';
COMMENT ON COLUMN plantao.log_bounds.head IS 'Newest visible position; 0 while the log is empty.';
COMMENT ON COLUMN plantao.log_bounds.epoch IS 'The epoch that new cursors carry.';

CREATE FUNCTION plantao.log_head() RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT head FROM plantao.log_bounds
$$;
COMMENT ON FUNCTION plantao.log_head() IS 'The newest position of the event log that is visible now, in a snapshot of its own.';

CREATE VIEW plantao.event_feed AS
  SELECT e.position, e.kind, e.group_id, g.name AS group_name, e.topic, e.user_id, who.username, e.message_id,
         m.sender_id, sender.username AS sender, m.content, m.created_at AS sent_at, e.payload, e.at,
         coalesce(octet_length(m.content), 0) + coalesce(e.payload_bytes, 0) AS bytes
  FROM plantao.events e
  -- OFFSET 0: looked up by key for each event. A plan from when the tables were empty would join whole tables, and a node
  -- keeps its plan: after ten thousand messages a page took 300 ms instead of 3.
  LEFT JOIN LATERAL (SELECT name FROM plantao.groups WHERE id = e.group_id OFFSET 0) g ON true
  LEFT JOIN LATERAL (SELECT username FROM plantao.users WHERE id = e.user_id OFFSET 0) who ON true
  LEFT JOIN LATERAL (SELECT sender_id, content, created_at FROM plantao.messages WHERE id = e.message_id OFFSET 0) m ON true
  LEFT JOIN LATERAL (SELECT username FROM plantao.users WHERE id = m.sender_id OFFSET 0) sender ON true;
COMMENT ON VIEW plantao.event_feed IS 'The event log with its names and texts, as the nodes read it. SELECT * FROM plantao.event_feed ORDER BY position DESC LIMIT 20;';
COMMENT ON COLUMN plantao.event_feed.position IS 'Place in the log.';
COMMENT ON COLUMN plantao.event_feed.kind IS 'message | message_deleted | joined | left | notification | broadcast.';
COMMENT ON COLUMN plantao.event_feed.group_id IS 'The group that hears it, if any.';
COMMENT ON COLUMN plantao.event_feed.group_name IS 'Its name; null when it is gone.';
COMMENT ON COLUMN plantao.event_feed.topic IS 'The free topic that hears it, if any.';
COMMENT ON COLUMN plantao.event_feed.user_id IS 'The user who joined or left.';
COMMENT ON COLUMN plantao.event_feed.username IS 'Their name; null when the account is gone.';
COMMENT ON COLUMN plantao.event_feed.message_id IS 'The message told of.';
COMMENT ON COLUMN plantao.event_feed.sender_id IS 'Who sent it; null when the message was deleted.';
COMMENT ON COLUMN plantao.event_feed.sender IS 'Their name.';
COMMENT ON COLUMN plantao.event_feed.content IS 'Its text; null when the message was deleted.';
COMMENT ON COLUMN plantao.event_feed.sent_at IS 'When it was sent.';
COMMENT ON COLUMN plantao.event_feed.payload IS 'What a notification carries.';
COMMENT ON COLUMN plantao.event_feed.at IS 'When it was appended.';
COMMENT ON COLUMN plantao.event_feed.bytes IS 'Size of its text or payload.';

CREATE FUNCTION plantao.begin_epoch() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- Not by a sequence: one that a restore or a logical replica left behind would stop every write.
  INSERT INTO plantao.epochs (number, after_position, history)
  SELECT 1 + coalesce(max(number), 0), plantao.log_head(), plantao.history_fingerprint() FROM plantao.epochs;
  INSERT INTO plantao.recovery_marker DEFAULT VALUES ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION plantao.begin_epoch() IS 'Begins a new epoch at the end of the log. For functions that have locked the log.';

CREATE FUNCTION plantao.lock_log() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'the event log is written under READ COMMITTED: an older snapshot would not see its end'
      USING ERRCODE = 'PT003', HINT = 'Write to plantao.messages and plantao.memberships without REPEATABLE READ or SERIALIZABLE.';
  END IF;
  LOCK TABLE plantao_mutexes.event_log IN SHARE UPDATE EXCLUSIVE MODE;
  -- Statements of their own, so their snapshots are younger than the lock and see the last holder's rows. The first write
  -- after a restore or a crash begins the new epoch itself, whoever writes: positions are never given out twice under one
  -- name.
  IF NOT EXISTS (SELECT FROM plantao.recovery_marker)
     OR plantao.history_fingerprint() IS DISTINCT FROM (SELECT history FROM plantao.epochs ORDER BY number DESC LIMIT 1) THEN
    PERFORM plantao.begin_epoch();
  END IF;
  RETURN plantao.log_head();
END $$;
COMMENT ON FUNCTION plantao.lock_log() IS
  'Takes the log for this transaction and answers its head: the caller may append head + 1, head + 2, … Begins a new epoch where the history is another than that of the newest one. Runs with the owner''s rights, since the mutex is the owner''s alone. SQLSTATE PT003 in a transaction that is not READ COMMITTED.';

CREATE FUNCTION plantao.continue_epoch() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF EXISTS (SELECT FROM plantao.recovery_marker)
     AND plantao.history_fingerprint() = (SELECT history FROM plantao.epochs ORDER BY number DESC LIMIT 1) THEN
    RETURN;
  END IF;
  BEGIN
    LOCK TABLE plantao_mutexes.event_log IN SHARE UPDATE EXCLUSIVE MODE NOWAIT;
  EXCEPTION WHEN lock_not_available THEN
    RETURN;
  END;
  PERFORM plantao.lock_log();
END $$;
COMMENT ON FUNCTION plantao.continue_epoch() IS 'Begins a new epoch now where the next write would. Called when a term opens; never waits.';
SELECT plantao.continue_epoch();

CREATE FUNCTION plantao.log_fell_back(known_epoch text, known_head bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT epoch FROM plantao.log_bounds) IS DISTINCT FROM known_epoch OR plantao.lock_log() >= known_head THEN
    RETURN false;
  END IF;
  -- Again under the lock: another node may have told already.
  IF (SELECT epoch FROM plantao.log_bounds) IS DISTINCT FROM known_epoch THEN
    RETURN false;
  END IF;
  PERFORM plantao.begin_epoch();
  RETURN true;
END $$;
COMMENT ON FUNCTION plantao.log_fell_back(text, bigint) IS
  'A node that has read further in this epoch than the log now reaches says so: the end was lost without a restart or a crash (a DELETE by hand). Begins a new epoch, so that cursors from the lost end are refused.';

-- The triggers run with the owner's rights: a role that may write messages or memberships needs no right on the log.
-- One order of locks for everybody: first the log, then rows. A keyed post has the log when it looks at its group; the deletion
-- of a group had its row, and wanted the log for the messages that go with it.
CREATE FUNCTION plantao.lock_log_first() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- plantao.warm_up_post() stores nothing and must not wait.
  IF current_setting('plantao.warm_up', true) IS DISTINCT FROM 'on' THEN
    PERFORM plantao.lock_log();
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.lock_log_first() IS
  'Locks the event log before a statement touches the rows of what the log tells of, so that two transactions never wait for each other.';

CREATE TRIGGER lock_log_first BEFORE INSERT OR DELETE ON plantao.messages
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER lock_log_first BEFORE INSERT OR DELETE ON plantao.memberships
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
-- A new group holds the row of its creator, and one that is deleted takes memberships and messages along.
CREATE TRIGGER lock_log_first BEFORE INSERT OR DELETE OR UPDATE OF id, creator_id ON plantao.groups
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER lock_log_first BEFORE DELETE OR UPDATE OF id ON plantao.users
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();

CREATE FUNCTION plantao.log_messages() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM changed) THEN RETURN NULL; END IF;
  head := plantao.lock_log();
  INSERT INTO plantao.events (position, kind, group_id, message_id)
  SELECT head + row_number() OVER (ORDER BY id), TG_ARGV[0], group_id, id FROM changed;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_messages() IS 'Appends one event for each message that a statement added or removed, in the order of their ids.';

CREATE TRIGGER log_added AFTER INSERT ON plantao.messages
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_messages('message');
CREATE TRIGGER log_removed AFTER DELETE ON plantao.messages
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_messages('message_deleted');

CREATE FUNCTION plantao.log_memberships() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM changed) THEN RETURN NULL; END IF;
  head := plantao.lock_log();
  INSERT INTO plantao.events (position, kind, group_id, user_id)
  SELECT head + row_number() OVER (ORDER BY group_id, user_id), TG_ARGV[0], group_id, user_id FROM changed;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_memberships() IS 'Appends one event for each membership that a statement added or removed.';

CREATE TRIGGER log_joined AFTER INSERT ON plantao.memberships
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_memberships('joined');
CREATE TRIGGER log_left AFTER DELETE ON plantao.memberships
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_memberships('left');

-- What the log could not tell is refused, not lost: a member moved by UPDATE would go on hearing the old group, and a text
-- that was rewritten would stay as it was on every screen and in every node's memory.
CREATE FUNCTION plantao.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION '% of % is told to nobody', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'PT004', HINT = coalesce(TG_ARGV[0], 'DELETE the rows and INSERT others: both are told.');
END $$;
COMMENT ON FUNCTION plantao.refuse_change() IS
  'Refuses changes that nodes and clients would not hear of (SQLSTATE PT004). Its argument is the hint of what to do instead.';

CREATE TRIGGER refuse_change BEFORE UPDATE OF group_id, user_id ON plantao.memberships
  FOR EACH ROW EXECUTE FUNCTION plantao.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.memberships
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OF id, group_id, sender_id, content ON plantao.messages
  FOR EACH ROW EXECUTE FUNCTION plantao.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.messages
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change();

CREATE FUNCTION plantao.notify_group(name text, payload jsonb DEFAULT NULL, visible_to bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head bigint := plantao.lock_log();
  addressed bigint[];
BEGIN
  IF name = 'all' THEN
    INSERT INTO plantao.events (position, kind, payload) VALUES (head + 1, 'broadcast', payload);
    head := head + 1;
  ELSE
    SELECT coalesce(array_agg(g.id ORDER BY g.id), '{}') INTO addressed
    FROM plantao.groups g
    WHERE g.name = notify_group.name
      AND (visible_to IS NULL
           OR EXISTS (SELECT FROM plantao.memberships m WHERE m.group_id = g.id AND m.user_id = visible_to));
    -- One row for the free topic and the first group together, so who hears both by one name hears it once. On behalf of
    -- a user, what goes to the user's groups goes to them alone: everybody may wait on the name, and only members may hear.
    INSERT INTO plantao.events (position, kind, topic, group_id, payload)
    VALUES (head + 1, 'notification', CASE WHEN visible_to IS NULL OR addressed = '{}' THEN notify_group.name END,
            addressed[1], notify_group.payload);
    INSERT INTO plantao.events (position, kind, group_id, payload)
    SELECT head + 1 + row_number() OVER (ORDER BY id), 'notification', id, notify_group.payload
    FROM unnest(addressed[2:]) AS more (id);
    head := head + greatest(1, cardinality(addressed));
  END IF;
  PERFORM plantao.hint('plantao_events', head::text);
  RETURN head;
END $$;
COMMENT ON FUNCTION plantao.notify_group(text, jsonb, bigint) IS
  'Notifies every client that waits on this name: the free topic and every group called so (with visible_to: only the groups of that user, and the free topic where none is called so). The name ''all'' reaches every waiter. Returns the position. From psql: SELECT plantao.notify_group(''Grupo Geral'', ''{"note": "maintenance at 3"}'');';
