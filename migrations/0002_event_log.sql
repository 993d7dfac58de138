-- The event log: every event that a long poll can receive, in commit order and without gaps.
--
-- A position is assigned under a mutex that is held until the transaction ends, so the next writer reads max(position) only
-- after the rows of the last one are visible or rolled back. Positions therefore become visible in order for every writer: a
-- node, a migration, a DBA in psql. A sequence cannot guarantee that: a slow transaction with a lower number commits later,
-- and a reader at "position > cursor" misses its row. Updating a counter row can, but each commit leaves a dead row version;
-- a long pg_dump keeps them all, and every later writer has to skip them.

-- The mutexes of this schema are relations that are locked with LOCK. Advisory locks are open to every role that can connect,
-- and in a schema that a role can use, PREPARE takes the lock of an INSERT before PostgreSQL checks any privilege. The mutexes
-- are therefore in a schema that only the owner can use, and functions that run with the owner's rights take them.
--
-- They are views, because VACUUM, ANALYZE, REINDEX and pg_dump lock tables. SHARE UPDATE EXCLUSIVE is the weakest mode that
-- conflicts with itself: the stronger ones make PostgreSQL search the fast-path locks of every session.
DROP SCHEMA IF EXISTS plantao_mutexes CASCADE;
CREATE SCHEMA plantao_mutexes;
COMMENT ON SCHEMA plantao_mutexes IS
  'The mutexes of the schema plantao. Do not grant USAGE on it. TABLE plantao.blocking lists sessions that hold one for too long.';
CREATE VIEW plantao_mutexes.event_log AS SELECT 'locked by plantao.lock_log()' AS purpose;
COMMENT ON VIEW plantao_mutexes.event_log IS
  'Held in SHARE UPDATE EXCLUSIVE mode by the transaction that appends to the event log, until it ends.';

-- A notification is a hint. PostgreSQL has one queue for the whole server, and a session that listens in an open transaction,
-- in any database, prevents its truncation. When it is full, every transaction that notifies fails at its commit.
CREATE FUNCTION plantao.hint(channel text, payload text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- From half full on, PostgreSQL itself warns; the other half is left to other applications. A payload has at most 7999 bytes.
  IF octet_length(payload) < 8000 AND pg_notification_queue_usage() < 0.5 THEN
    IF has_function_privilege('pg_notify(text, text)'::regprocedure, 'EXECUTE') THEN
      PERFORM pg_notify(channel, payload);
    ELSE
      -- A DBA has revoked the function from PUBLIC. The command requires no privilege; it is slower.
      EXECUTE format('NOTIFY %I, %L', channel, payload);
    END IF;
  END IF;
END $$;
COMMENT ON FUNCTION plantao.hint(text, text) IS
  'Sends a notification that may be lost: none is sent while the NOTIFY queue of the server is at least half full, so that no transaction fails because of it. Nodes read the event log once a second in any case. See plantao.notify_queue.';

CREATE VIEW plantao.notify_queue AS
  SELECT queue.usage, queue.usage < 0.5 AS hints_are_sent, holder.pid, holder.application_name, holder.usename,
         holder.datname, holder.since
  FROM (SELECT pg_notification_queue_usage() AS usage) queue
  -- PostgreSQL does not expose which session has yet to read the oldest notification. A session reads when its transaction
  -- has ended and its client accepts data, so the session that has not done so for the longest time is the likeliest.
  LEFT JOIN LATERAL (
    SELECT a.pid, a.application_name, a.usename, a.datname, coalesce(a.xact_start, a.state_change) AS since
    FROM pg_stat_activity a
    WHERE queue.usage > 0 AND a.backend_type = 'client backend' AND a.pid <> pg_backend_pid()
      AND (a.xact_start IS NOT NULL OR a.wait_event = 'ClientWrite')
    ORDER BY coalesce(a.xact_start, a.state_change) LIMIT 1) holder ON true;
COMMENT ON VIEW plantao.notify_queue IS
  'One row: how full the NOTIFY queue of the server is, and the session that most likely keeps it from being emptied. Terminate that session with SELECT pg_terminate_backend(pid) FROM plantao.notify_queue;';
COMMENT ON COLUMN plantao.notify_queue.usage IS 'From 0 to 1; at 1 every transaction that notifies fails.';
COMMENT ON COLUMN plantao.notify_queue.hints_are_sent IS 'False from 0.5 on: nodes then see changes when they read the event log, once a second.';
COMMENT ON COLUMN plantao.notify_queue.pid IS 'Server process of the session whose transaction has been open for the longest time, or whose client does not read. Only members of pg_read_all_stats see sessions of other roles.';
COMMENT ON COLUMN plantao.notify_queue.application_name IS 'application_name of that session.';
COMMENT ON COLUMN plantao.notify_queue.usename IS 'Role of that session.';
COMMENT ON COLUMN plantao.notify_queue.datname IS 'Database of that session; the queue is shared by the whole server.';
COMMENT ON COLUMN plantao.notify_queue.since IS 'When its transaction began, or its client stopped reading.';

CREATE TABLE plantao.events (
  position   bigint PRIMARY KEY CHECK (position BETWEEN 1 AND 9007199254740991),
  kind       text NOT NULL CHECK (kind IN ('message', 'message_edited', 'message_deleted', 'reaction', 'read', 'read_by', 'role_changed', 'group_changed',
                        'group_deleted', 'user_renamed', 'joined', 'left', 'notification', 'broadcast')),
  group_id   bigint CHECK (group_id BETWEEN 1 AND 9007199254740991),
  topic      text COLLATE "C" CHECK (char_length(topic) <= 128),
  user_id    bigint CHECK (user_id BETWEEN 1 AND 9007199254740991),
  message_id bigint CHECK (message_id BETWEEN 1 AND 9007199254740991),
  payload    jsonb CONSTRAINT events_payload_depth CHECK (NOT payload @? 'strict $.**{101}'),
  at         timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (at >= '1970-01-01 UTC' AND at < '10000-01-01 UTC'),
  -- Stored, so that a page of the log is cut by size without reading the payloads beyond it. The length is that of the text,
  -- which nodes send: 1e308 is five bytes in a request and 309 here.
  payload_bytes integer GENERATED ALWAYS AS (octet_length(payload::text)) STORED
    CONSTRAINT events_payload_size CHECK (payload_bytes <= 131072),
  -- Compared with how far each standby has flushed the write-ahead log, it shows which standbys have the event.
  lsn        pg_lsn NOT NULL DEFAULT pg_current_wal_insert_lsn(),
  CHECK (kind NOT IN ('message', 'message_edited', 'message_deleted', 'reaction') OR (group_id IS NOT NULL AND message_id IS NOT NULL)),
  CHECK (kind NOT IN ('joined', 'left') OR (group_id IS NOT NULL AND user_id IS NOT NULL)),
  CHECK (kind <> 'user_renamed' OR user_id IS NOT NULL),
  -- A read mark is for its own user only: with a group_id, every member would receive it.
  CHECK (kind <> 'read' OR (group_id IS NULL AND user_id IS NOT NULL)),
  CHECK (kind <> 'read_by' OR group_id IS NOT NULL)
);
COMMENT ON TABLE plantao.events IS 'The event log. Only triggers and plantao.notify_group() write it. Positions have no gaps and become visible in commit order.';
COMMENT ON COLUMN plantao.events.position IS 'Position in the log, from 1; the number in a cursor. 9007199254740991 is the maximum. It is reached only if someone inserts such a row by hand; posts then fail. To recover: DELETE FROM plantao.events WHERE position > the last valid one; the nodes then begin a new epoch.';
COMMENT ON COLUMN plantao.events.kind IS 'message | message_edited | message_deleted | reaction | read | read_by | role_changed | group_changed | group_deleted | user_renamed | joined | left | notification | broadcast.';
COMMENT ON COLUMN plantao.events.group_id IS 'The group whose members receive it, if any. No foreign key: the log outlives groups.';
COMMENT ON COLUMN plantao.events.topic IS 'Of a notification, the topic whose subscribers receive it, if any. Of group_changed and group_deleted, the name that the group had before, so that members who wait for that name receive it.';
COMMENT ON COLUMN plantao.events.user_id IS 'The user who joined, left, was renamed or has read; receives the event in addition to the group.';
COMMENT ON COLUMN plantao.events.message_id IS 'The message. Its text is read from plantao.messages, so deleting a message deletes its text everywhere.';
COMMENT ON COLUMN plantao.events.payload IS 'Payload of a notification; details of the kinds that are not about messages or memberships alone.';
COMMENT ON COLUMN plantao.events.payload_bytes IS 'Length of the payload as text, in bytes: at most 128 KiB, which is the 64 KiB of the API plus the spaces that jsonb adds.';
COMMENT ON COLUMN plantao.events.lsn IS 'End of PostgreSQL''s write-ahead log just before the event was appended. After a dump and restore it is a position of the other server.';
COMMENT ON COLUMN plantao.events.at IS 'When it was appended.';
-- Serve the catch-up of a poll that returns far behind: its groups, its topics, its own memberships.
CREATE INDEX events_by_group ON plantao.events (group_id, position) WHERE group_id IS NOT NULL;
CREATE INDEX events_by_topic ON plantao.events (topic, position) WHERE topic IS NOT NULL;
CREATE INDEX events_by_user ON plantao.events (user_id, position) WHERE user_id IS NOT NULL;
-- Serves the same catch-up, which needs the user's joins and leaves since the cursor: there may be thousands of other events of the
-- user, such as read marks. `+ 0` keeps the planner from using events_by_user.
CREATE INDEX events_of_members ON plantao.events ((user_id + 0), position) WHERE kind IN ('joined', 'left');
-- Serves the history of a group without its messages: GET /group-events. `+ 0` keeps the planner from
-- using events_by_group.
CREATE INDEX events_about_groups ON plantao.events ((group_id + 0), position)
  WHERE kind IN ('joined', 'left', 'role_changed', 'group_changed');
CREATE INDEX events_broadcast ON plantao.events (position) WHERE kind = 'broadcast';
-- Serves the name that a group had at an event. `+ 0` keeps the planner from using events_by_group, which has each message of the
-- group.
CREATE INDEX events_of_former_names ON plantao.events ((group_id + 0), position)
  WHERE kind IN ('group_changed', 'group_deleted') AND topic IS NOT NULL;

CREATE TABLE plantao.event_log (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  floor    bigint NOT NULL DEFAULT 0 CHECK (floor BETWEEN 0 AND 9007199254740991),
  swept_at timestamptz CHECK (swept_at >= '1970-01-01 UTC' AND swept_at < '10000-01-01 UTC'),
  counted_to    bigint NOT NULL DEFAULT 0 CHECK (counted_to BETWEEN 0 AND 9007199254740991),
  payload_bytes bigint NOT NULL DEFAULT 0 CHECK (payload_bytes BETWEEN 0 AND 9007199254740991)
);
INSERT INTO plantao.event_log DEFAULT VALUES;
COMMENT ON TABLE plantao.event_log IS 'One row: the state of retention.';
COMMENT ON COLUMN plantao.event_log.only_row IS 'Limits the table to one row.';
COMMENT ON COLUMN plantao.event_log.floor IS 'Highest position that retention has removed; a cursor below it is refused (410). Stored, because min(position) would have to skip the removed rows.';
COMMENT ON COLUMN plantao.event_log.swept_at IS 'When retention ran last; about once a minute while a node is active.';
COMMENT ON COLUMN plantao.event_log.counted_to IS 'Position up to which payload_bytes counts. Retention counts, so that writers need not update this row.';
COMMENT ON COLUMN plantao.event_log.payload_bytes IS 'Total size of the payloads in the log up to counted_to.';

CREATE TABLE plantao.epochs (
  number         bigint PRIMARY KEY CHECK (number BETWEEN 1 AND 9007199254740991),
  epoch          text COLLATE "C" NOT NULL UNIQUE DEFAULT substr(replace(gen_random_uuid()::text, '-', ''), 1, 12)
                 CHECK (epoch ~ '^[0-9a-f]{12}$'),
  after_position bigint NOT NULL CHECK (after_position BETWEEN 0 AND 9007199254740991),
  history        text NOT NULL CHECK (char_length(history) <= 100),
  timeline       integer NOT NULL,
  cause          text NOT NULL CHECK (cause IN ('created', 'failover', 'crash', 'restart', 'copy', 'end_lost')),
  lost_until     bigint CHECK (lost_until > after_position AND lost_until <= 9007199254740991),
  started_at     timestamptz NOT NULL DEFAULT clock_timestamp() CHECK (started_at >= '1970-01-01 UTC' AND started_at < '10000-01-01 UTC')
);
COMMENT ON TABLE plantao.epochs IS 'The histories of this log. Each start and each crash recovery of the server begins one, because a restore, the promotion of a lagging replica and a loss of unflushed commits all involve one of these. Cursors from before the fork remain valid; cursors of the lost events are refused.';
COMMENT ON COLUMN plantao.epochs.number IS 'Ascending number. 9007199254740991 is the maximum. It is reached only if someone inserts such a row by hand; posts then fail after the next restart. To recover: DELETE that row.';
COMMENT ON COLUMN plantao.epochs.epoch IS 'Name of the epoch in cursors; random, so that no two databases have the same.';
COMMENT ON COLUMN plantao.epochs.after_position IS 'Head of the log when the epoch began: the fork.';
COMMENT ON COLUMN plantao.epochs.history IS 'plantao.history_fingerprint() when the epoch began.';
COMMENT ON COLUMN plantao.epochs.timeline IS 'Timeline of the server when the epoch began: one higher after each promotion of a standby and each point-in-time recovery.';
COMMENT ON COLUMN plantao.epochs.cause IS 'created | failover (a standby was promoted, or the database was restored) | crash (crash recovery) | restart | copy (of the database) | end_lost (a manual DELETE).';
COMMENT ON COLUMN plantao.epochs.lost_until IS 'Highest position that a node is known to have read in the epoch before: the log fell from here back to after_position. Null if nothing is known to be lost.';
COMMENT ON COLUMN plantao.epochs.started_at IS 'When it began.';

-- PostgreSQL has no function for the oid of the database, and every post and heartbeat needs it: a session that locks pg_database
-- (VACUUM FULL, ALTER DATABASE) must not stop them. The path of a table is <directory>/<oid of the database>/<file>.
CREATE FUNCTION plantao.database_oid() RETURNS oid
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN substring(pg_relation_filepath('pg_catalog.pg_class') FROM '([0-9]+)/[^/]+$')::oid;
END $$;
COMMENT ON FUNCTION plantao.database_oid() IS 'Returns the oid of this database. Reads no table.';

CREATE FUNCTION plantao.sessions()
RETURNS TABLE (pid integer, datid oid, usename name, client_addr inet, application_name text, state text, backend_start timestamptz,
               xact_start timestamptz, state_change timestamptz)
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT a.pid, a.datid, pg_get_userbyid(a.usesysid), a.client_addr, a.application_name, a.state, a.backend_start, a.xact_start,
         a.state_change
  FROM pg_stat_get_activity(NULL) a
$$;
COMMENT ON FUNCTION plantao.sessions() IS
  'The sessions of the server as pg_stat_activity shows them to the caller. That view reads pg_authid and pg_database, and would wait for a session that has locked one of them.';

CREATE FUNCTION plantao.history_fingerprint() RETURNS text
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RETURN concat_ws('/', extract(epoch FROM pg_postmaster_start_time()), plantao.database_oid(), 'plantao.events'::regclass::oid);
END $$;
COMMENT ON FUNCTION plantao.history_fingerprint() IS
  'Returns a text that changes when the log may have lost its end: start time of the server, oid of the database, oid of the table. Takes a few microseconds.';

-- PostgreSQL empties an unlogged table in crash recovery and when a replica is promoted, and keeps it across a clean stop. After
-- the crash of one backend the postmaster restarts the others: the fingerprint stays, commits may be lost, the row is missing.
CREATE UNLOGGED TABLE plantao.recovery_marker (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row)
);
COMMENT ON TABLE plantao.recovery_marker IS
  'One row, removed by crash recovery. If it is missing, the log may have lost its end, and the next write begins a new epoch.';
COMMENT ON COLUMN plantao.recovery_marker.only_row IS 'Limits the table to one row.';

CREATE VIEW plantao.log_bounds AS
  SELECT l.floor, greatest(coalesce((SELECT max(position) FROM plantao.events), 0), l.floor) AS head,
         (SELECT epoch FROM plantao.epochs ORDER BY number DESC LIMIT 1) AS epoch
  FROM ONLY plantao.event_log l;
COMMENT ON VIEW plantao.log_bounds IS 'The bounds of the event log in the snapshot of the reading statement.';
COMMENT ON COLUMN plantao.log_bounds.floor IS 'Highest position that retention has removed.';
COMMENT ON COLUMN plantao.log_bounds.head IS 'Newest visible position; 0 while the log is empty.';
COMMENT ON COLUMN plantao.log_bounds.epoch IS 'The epoch that new cursors carry.';

CREATE FUNCTION plantao.log_head() RETURNS bigint
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT head FROM plantao.log_bounds
$$;
COMMENT ON FUNCTION plantao.log_head() IS 'Returns the newest position of the event log, in a new snapshot.';

CREATE FUNCTION plantao.reply_preview(target bigint, in_group bigint) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = pg_catalog, pg_temp AS $$
  SELECT coalesce(
    (SELECT jsonb_build_object('id', m.id, 'sender', u.username, 'sender_id', u.id, 'excerpt', left(m.content, 100), 'deleted', false)
     FROM plantao.messages m JOIN plantao.users u ON u.id = m.sender_id WHERE m.id = target AND m.group_id = in_group),
    jsonb_build_object('id', target, 'sender', NULL, 'sender_id', NULL, 'excerpt', NULL, 'deleted', true))
$$;
COMMENT ON FUNCTION plantao.reply_preview(bigint, bigint) IS
  'Returns the preview of the message that a reply refers to, with its first 100 characters; marked as deleted if there is no such message in this group.';

CREATE VIEW plantao.event_feed AS
  SELECT e.position, e.kind, e.group_id,
         coalesce((SELECT next.topic FROM plantao.events next
                   -- Rows are compared, as in src/database/sql/key-range.ts.
                   WHERE (next.group_id + 0, next.position) > (e.group_id, e.position)
                     AND (next.group_id + 0, next.position) <= (e.group_id, 9223372036854775807)
                     AND next.kind IN ('group_changed', 'group_deleted') AND next.topic IS NOT NULL
                   ORDER BY next.group_id + 0, next.position LIMIT 1), CASE WHEN g.deleted_at IS NULL THEN g.name END) AS group_name, e.topic, e.user_id, who.username, e.message_id,
         m.sender_id, sender.username AS sender, sender.is_hook, m.content, m.created_at AS sent_at, m.edited_at,
         e.kind = 'message_edited' AND m.edited_at > e.at AS is_outdated, e.payload, e.at,
         m.idempotency_key, m.meta, CASE WHEN m.reply_to_id IS NOT NULL THEN plantao.reply_preview(m.reply_to_id, e.group_id) END AS reply_to,
         by_payload.actor_id, actor.username AS actor,
         coalesce(octet_length(m.content), 0) + coalesce(octet_length(m.meta::text), 0) + coalesce(e.payload_bytes, 0) AS bytes
  FROM plantao.events e
  -- OFFSET 0 forces a lookup by key for each event. A plan from when the tables were empty would join whole tables, and a
  -- node keeps its plan: after ten thousand messages a page took 300 ms instead of 3.
  LEFT JOIN LATERAL (SELECT name, deleted_at FROM plantao.groups WHERE id = e.group_id OFFSET 0) g ON true
  -- A payload that was written by hand may have anything there: a cast that fails would block the page.
  CROSS JOIN LATERAL (SELECT
    CASE WHEN e.kind IN ('joined', 'left', 'role_changed', 'group_changed', 'group_deleted')
         THEN substring(e.payload ->> 'actor_id' FROM '^[0-9]{1,16}$')::bigint END AS actor_id,
    CASE WHEN e.kind = 'role_changed' THEN substring(e.payload ->> 'user_id' FROM '^[0-9]{1,16}$')::bigint END AS member_id
    OFFSET 0) by_payload
  LEFT JOIN LATERAL (SELECT username FROM plantao.users WHERE id = coalesce(e.user_id, by_payload.member_id) OFFSET 0) who ON true
  LEFT JOIN LATERAL (SELECT username FROM plantao.users WHERE id = by_payload.actor_id OFFSET 0) actor ON true
  LEFT JOIN LATERAL (SELECT sender_id, content, created_at, edited_at, meta, reply_to_id, idempotency_key FROM plantao.messages
                     WHERE id = e.message_id AND e.kind IN ('message', 'message_edited')
                       AND g.deleted_at IS NULL OFFSET 0) m ON true
  LEFT JOIN LATERAL (SELECT username, is_hook FROM plantao.users WHERE id = m.sender_id OFFSET 0) sender ON true;
COMMENT ON VIEW plantao.event_feed IS 'The event log with names and texts, as nodes read it. SELECT * FROM plantao.event_feed ORDER BY position DESC LIMIT 20;';
COMMENT ON COLUMN plantao.event_feed.position IS 'Position in the log.';
COMMENT ON COLUMN plantao.event_feed.kind IS 'message | message_edited | message_deleted | reaction | read | read_by | role_changed | group_changed | group_deleted | user_renamed | joined | left | notification | broadcast.';
COMMENT ON COLUMN plantao.event_feed.group_id IS 'The group whose members receive it, if any.';
COMMENT ON COLUMN plantao.event_feed.group_name IS 'Name that the group had after the event; null from its deletion on.';
COMMENT ON COLUMN plantao.event_feed.topic IS 'The topic whose subscribers receive it, or the name that the group had before, if any.';
COMMENT ON COLUMN plantao.event_feed.user_id IS 'The user who joined, left or was renamed.';
COMMENT ON COLUMN plantao.event_feed.username IS 'Name of that user, or of the member whose role changed; null if the account is not known any more.';
COMMENT ON COLUMN plantao.event_feed.message_id IS 'The message.';
COMMENT ON COLUMN plantao.event_feed.sender_id IS 'The sender; null if the message was deleted.';
COMMENT ON COLUMN plantao.event_feed.sender IS 'Name of the sender.';
COMMENT ON COLUMN plantao.event_feed.is_hook IS 'True if a hook sent the message.';
COMMENT ON COLUMN plantao.event_feed.content IS 'Text of the message; null if it was deleted.';
COMMENT ON COLUMN plantao.event_feed.sent_at IS 'When the message was sent.';
COMMENT ON COLUMN plantao.event_feed.edited_at IS 'When its text was last changed, if ever.';
COMMENT ON COLUMN plantao.event_feed.is_outdated IS 'True for an edit that a later one has replaced; nodes deliver the last one only.';
COMMENT ON COLUMN plantao.event_feed.payload IS 'Payload of a notification; details of the kinds that are not about messages or memberships alone.';
COMMENT ON COLUMN plantao.event_feed.at IS 'When the event was appended.';
COMMENT ON COLUMN plantao.event_feed.idempotency_key IS 'The Idempotency-Key of the post; nodes send it to the sender only.';
COMMENT ON COLUMN plantao.event_feed.meta IS 'Data that the client stored with the message.';
COMMENT ON COLUMN plantao.event_feed.reply_to IS 'The message that it replies to: plantao.reply_preview().';
COMMENT ON COLUMN plantao.event_feed.actor_id IS 'The user who did it: plantao.act_as(). Null if that is not known.';
COMMENT ON COLUMN plantao.event_feed.actor IS 'Name of that user.';
COMMENT ON COLUMN plantao.event_feed.bytes IS 'Size of the text or payload.';

CREATE FUNCTION plantao.timeline() RETURNS integer
LANGUAGE sql VOLATILE SET search_path = pg_catalog, pg_temp AS $$
  SELECT ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::integer
$$;
COMMENT ON FUNCTION plantao.timeline() IS 'Returns the timeline that this server writes. Fails on a standby.';

CREATE FUNCTION plantao.begin_epoch() RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  last plantao.epochs;
  fingerprint text := plantao.history_fingerprint();
BEGIN
  SELECT * INTO last FROM plantao.epochs ORDER BY number DESC LIMIT 1;
  -- No sequence: one that a restore or a logical replica left behind would fail every write.
  INSERT INTO plantao.epochs (number, after_position, history, timeline, cause)
  SELECT 1 + coalesce(last.number, 0), plantao.log_head(), fingerprint, plantao.timeline(), CASE
    WHEN last.number IS NULL THEN 'created'
    -- A standby has the oids of its primary; a copy of the database has others.
    WHEN substring(last.history FROM '/.*') <> substring(fingerprint FROM '/.*') THEN 'copy'
    WHEN last.timeline <> plantao.timeline() THEN 'failover'
    WHEN NOT EXISTS (SELECT FROM plantao.recovery_marker) THEN 'crash'
    WHEN last.history <> fingerprint THEN 'restart'
    ELSE 'end_lost' END;
  INSERT INTO plantao.recovery_marker DEFAULT VALUES ON CONFLICT DO NOTHING;
END $$;
COMMENT ON FUNCTION plantao.begin_epoch() IS 'Begins a new epoch at the head of the log. The caller has locked the log.';

CREATE FUNCTION plantao.lock_log() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'writing to the event log requires READ COMMITTED: an older snapshot would not see its head'
      USING ERRCODE = 'PT003', HINT = 'Do not use REPEATABLE READ or SERIALIZABLE to write to plantao.messages and plantao.memberships.';
  END IF;
  LOCK TABLE plantao_mutexes.event_log IN SHARE UPDATE EXCLUSIVE MODE;
  -- Every post waits until this transaction ends, so a node's transaction waits only briefly for other locks. Otherwise each reaction
  -- would block all posts while a DBA runs VACUUM FULL on the reactions.
  IF current_setting('lock_timeout') NOT IN ('0', '50ms', '100ms') AND current_setting('application_name') LIKE 'plantao:%' THEN
    PERFORM set_config('lock_timeout', '100ms', true);
  END IF;
  -- Separate statements: their snapshots are newer than the lock and see the rows of its last holder. The first write after a
  -- restore or a crash begins the new epoch, so no position is assigned twice in one epoch.
  IF NOT EXISTS (SELECT FROM plantao.recovery_marker)
     OR plantao.history_fingerprint() IS DISTINCT FROM (SELECT history FROM plantao.epochs ORDER BY number DESC LIMIT 1) THEN
    PERFORM plantao.begin_epoch();
  END IF;
  RETURN plantao.log_head();
END $$;
COMMENT ON FUNCTION plantao.lock_log() IS
  'Locks the log until the transaction ends and returns its head: the caller may append head + 1, head + 2, … Begins a new epoch if the history differs from that of the newest epoch. Runs with the owner''s rights, because only the owner can lock the mutex. In a session of a node, later lock waits of the transaction end after 100 ms. SQLSTATE PT003 in a transaction that is not READ COMMITTED.';

CREATE FUNCTION plantao.continue_epoch() RETURNS void
-- After a restart or a failover of the server all nodes call it at once: one that did not wait for the first would open its term
-- in the epoch before, and the history of terms would name the wrong cause.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET lock_timeout = '100ms' AS $$
BEGIN
  IF EXISTS (SELECT FROM plantao.recovery_marker)
     AND plantao.history_fingerprint() = (SELECT history FROM plantao.epochs ORDER BY number DESC LIMIT 1) THEN
    RETURN;
  END IF;
  BEGIN
    PERFORM plantao.lock_log();
  EXCEPTION WHEN lock_not_available THEN NULL;
  END;
END $$;
COMMENT ON FUNCTION plantao.continue_epoch() IS 'Begins a new epoch now if the next write would. Called when a term opens; gives up after 100 ms if another transaction has locked the log.';
SELECT plantao.continue_epoch();

CREATE FUNCTION plantao.log_fell_back(known_epoch text, known_head bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF (SELECT epoch FROM plantao.log_bounds) IS DISTINCT FROM known_epoch OR plantao.lock_log() >= known_head THEN
    RETURN false;
  END IF;
  -- Checked again under the lock: another node may have reported it meanwhile.
  IF (SELECT epoch FROM plantao.log_bounds) IS DISTINCT FROM known_epoch THEN
    RETURN false;
  END IF;
  PERFORM plantao.begin_epoch();
  RETURN true;
END $$;
COMMENT ON FUNCTION plantao.log_fell_back(text, bigint) IS
  'Called by a node that has read further in this epoch than the log now reaches: its tail was truncated without a restart or a crash, for example by a manual DELETE. Begins a new epoch, so that cursors of the lost events are refused.';

CREATE FUNCTION plantao.report_lost_end(known_epoch text, known_head bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  fork bigint;
BEGIN
  -- No client receives a promise about this row, so it does not wait for a synchronous standby.
  PERFORM set_config('synchronous_commit', 'local', true);
  UPDATE plantao.epochs e SET lost_until = greatest(lost_until, known_head)
  WHERE e.number = (SELECT number + 1 FROM plantao.epochs WHERE epoch = known_epoch)
    AND e.after_position < known_head AND known_head <= 9007199254740991
  RETURNING after_position INTO fork;
  RETURN fork;
END $$;
COMMENT ON FUNCTION plantao.report_lost_end(text, bigint) IS
  'Called by a node that finds a new epoch, with the position up to which it had read the epoch before. Records in plantao.epochs what the log lost, and returns where the log fell back to; null if nothing was lost.';

-- The triggers run with the owner's rights: a role that can write messages or memberships needs no right on the log.
-- Every transaction locks the log first and rows afterwards. Otherwise a keyed post, which holds the log when it reads its group,
-- could deadlock with the deletion of that group, which holds its row and needs the log for the messages that it deletes.
CREATE FUNCTION plantao.lock_log_first() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF plantao.is_importing() THEN RETURN NULL; END IF;
  -- plantao.warm_up_post() stores nothing, and must not wait.
  IF (current_setting('plantao.warm_up', true) = pg_current_xact_id_if_assigned()::text) IS NOT TRUE THEN
    PERFORM plantao.lock_log();
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.lock_log_first() IS
  'Locks the event log before a statement locks rows whose changes the log records, so that two transactions never wait for each other.';

CREATE TRIGGER lock_log_first BEFORE INSERT OR DELETE OR UPDATE OF content, meta ON plantao.messages
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER lock_log_first BEFORE INSERT OR DELETE ON plantao.memberships
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
-- Creating a group locks the row of its creator; deleting one deletes its memberships and messages.
CREATE TRIGGER lock_log_first BEFORE INSERT OR DELETE OR UPDATE OF id, creator_id ON plantao.groups
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();
CREATE TRIGGER lock_log_first BEFORE DELETE OR UPDATE OF id ON plantao.users
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.lock_log_first();

CREATE FUNCTION plantao.require_stored(stored bigint, wanted bigint, of_table text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  IF stored IS DISTINCT FROM wanted THEN
    RAISE EXCEPTION '% of % rows are in plantao.%: a trigger has dropped the others, or is disabled', stored, wanted, of_table
      USING ERRCODE = 'triggered_action_exception', HINT = 'Drop that trigger, or let it raise an exception. ALTER TABLE … ENABLE TRIGGER ALL enables those of Plantão.';
  END IF;
END $$;
COMMENT ON FUNCTION plantao.require_stored(bigint, bigint, text) IS
  'Raises an exception (SQLSTATE 09000) unless both numbers are equal. A trigger that returns NULL drops a row without an error, and a disabled one appends no event: what is not stored must not be acknowledged.';

CREATE FUNCTION plantao.log_messages() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF plantao.is_importing() THEN RETURN NULL; END IF;
  IF NOT EXISTS (SELECT FROM changed) THEN RETURN NULL; END IF;
  head := plantao.lock_log();
  INSERT INTO plantao.events (position, kind, group_id, message_id)
  SELECT head + row_number() OVER (ORDER BY id), 'message', group_id, id FROM changed;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.require_stored(added, (SELECT count(*) FROM changed), 'events');
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_messages() IS 'Appends one event for each message that a statement inserted, in the order of their ids.';

CREATE TRIGGER log_added AFTER INSERT ON plantao.messages
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_messages();
-- plantao.log_removed_messages() logs deletions (0017_group_administration.sql): those of a deleted group are left out.

-- Like plantao.importing, the setting counts only with the id of the current transaction.
CREATE FUNCTION plantao.act_as(actor bigint) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  PERFORM set_config('plantao.actor', concat(pg_current_xact_id(), ':', actor), true);
END $$;
COMMENT ON FUNCTION plantao.act_as(bigint) IS
  'Names the user for whom the rest of the transaction changes groups and memberships: the events of these changes name that user. From psql: BEGIN; SELECT plantao.act_as(7); INSERT INTO plantao.memberships …; COMMIT;';

CREATE FUNCTION plantao.actor_details() RETURNS jsonb
LANGUAGE plpgsql STABLE SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  actor bigint := substring(current_setting('plantao.actor', true) FROM concat('^', pg_current_xact_id_if_assigned(), ':([0-9]{1,16})$'));
BEGIN
  RETURN CASE WHEN actor IS NOT NULL THEN jsonb_build_object('actor_id', actor) END;
END $$;
COMMENT ON FUNCTION plantao.actor_details() IS
  'Returns the part of an event''s payload that names the user who acts in this transaction (plantao.act_as); null if that is not known. It has only the id: the log would keep the names of erased accounts.';

CREATE FUNCTION plantao.log_memberships() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  head bigint;
  added bigint;
  details jsonb := plantao.actor_details();
  actor bigint := details ->> 'actor_id';
  -- The groups that the actor has created in this transaction.
  created bigint[];
BEGIN
  IF plantao.is_importing() THEN RETURN NULL; END IF;
  IF NOT EXISTS (SELECT FROM changed) THEN RETURN NULL; END IF;
  IF TG_ARGV[0] = 'joined' AND actor IS NOT NULL THEN
    created := ARRAY(SELECT g.id FROM plantao.groups g WHERE g.creator_id = actor AND g.created_at = now());
  END IF;
  head := plantao.lock_log();
  INSERT INTO plantao.events (position, kind, group_id, user_id, payload)
  -- The creation of a group comes before the members whom its creator adds.
  SELECT head + row_number() OVER (ORDER BY c.group_id, NOT c.is_creator, c.user_id), TG_ARGV[0], c.group_id, c.user_id,
         CASE WHEN c.is_creator THEN details || '{"created": true}' ELSE details END
  FROM (SELECT group_id, user_id, coalesce(user_id = actor AND group_id = ANY (created), false) AS is_creator FROM changed) c;
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.require_stored(added, (SELECT count(*) FROM changed), 'events');
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_memberships() IS 'Appends one event for each membership that a statement inserted or deleted. For a user who has created the group in the same transaction, the payload has "created": true.';

CREATE TRIGGER log_joined AFTER INSERT ON plantao.memberships
  REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_memberships('joined');
CREATE TRIGGER log_left AFTER DELETE ON plantao.memberships
  REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_memberships('left');

-- Changes that the log does not record are refused: a member moved by UPDATE would still receive the old group's events, and a
-- message moved by UPDATE would stay on every screen of its old group.
CREATE FUNCTION plantao.refuse_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'the event log does not record % of %', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'PT004', HINT = coalesce(TG_ARGV[0], 'DELETE the rows and INSERT new ones: the log records both.');
END $$;
COMMENT ON FUNCTION plantao.refuse_change() IS
  'Refuses changes that the event log does not record (SQLSTATE PT004), because nodes and clients would miss them. The argument is the hint: what to do instead.';

-- Without these rows no message can be stored and no node promoted, and their contents cannot be restored.
CREATE FUNCTION plantao.refuse_removal() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  RAISE EXCEPTION 'plantao.% must keep its rows: no node works without them', TG_TABLE_NAME
    USING ERRCODE = 'PT008', HINT = 'To remove everything, drop the schema plantao while no node runs.';
END $$;
COMMENT ON FUNCTION plantao.refuse_removal() IS
  'Refuses DELETE or TRUNCATE where the nodes cannot work without the rows (SQLSTATE PT008).';

CREATE TRIGGER refuse_removal BEFORE DELETE OR TRUNCATE ON plantao.event_log
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_removal();
CREATE FUNCTION plantao.note_lost_end() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  -- The next events get the removed positions again. A node may not notice that the log fell back behind its position: the new events
  -- may have passed that position when the node reads next.
  IF (SELECT max(position) FROM removed) > plantao.log_head() THEN
    PERFORM plantao.lock_log();
    PERFORM plantao.begin_epoch();
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.note_lost_end() IS
  'Begins a new epoch when a DELETE removes the newest events, so that cursors from there are refused and the events that get their positions are delivered. Retention raises the floor first.';
CREATE TRIGGER note_lost_end AFTER DELETE ON plantao.events
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION plantao.note_lost_end();
CREATE TRIGGER refuse_removal BEFORE TRUNCATE ON plantao.events
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_removal();
CREATE TRIGGER refuse_removal BEFORE TRUNCATE ON plantao.epochs
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_removal();
-- A node that starts would apply the first migration again, and fail.
CREATE TRIGGER refuse_removal BEFORE DELETE OR TRUNCATE ON plantao.migrations
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_removal();

CREATE TRIGGER refuse_change BEFORE UPDATE OF group_id, user_id ON plantao.memberships
  FOR EACH ROW EXECUTE FUNCTION plantao.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.memberships
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change();
CREATE TRIGGER refuse_change BEFORE UPDATE OF id, group_id, sender_id, reply_to_id ON plantao.messages
  FOR EACH ROW EXECUTE FUNCTION plantao.refuse_change();
CREATE TRIGGER refuse_truncate BEFORE TRUNCATE ON plantao.messages
  FOR EACH STATEMENT EXECUTE FUNCTION plantao.refuse_change();

CREATE FUNCTION plantao.notify_group(name text, payload jsonb DEFAULT NULL, visible_to bigint DEFAULT NULL) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
  head bigint := plantao.lock_log();
  addressed bigint[];
BEGIN
  IF name IS NULL THEN
    RAISE EXCEPTION 'the name of a notification must not be null' USING ERRCODE = 'null_value_not_allowed';
  END IF;
  IF name = 'all' THEN
    INSERT INTO plantao.events (position, kind, payload) VALUES (head + 1, 'broadcast', payload);
    head := head + 1;
  ELSE
    SELECT coalesce(array_agg(g.id ORDER BY g.id), '{}') INTO addressed
    FROM plantao.groups g
    WHERE g.name = notify_group.name AND g.deleted_at IS NULL
      AND (visible_to IS NULL
           OR EXISTS (SELECT FROM plantao.memberships m WHERE m.group_id = g.id AND m.user_id = visible_to));
    -- One payload is stored once for each group. Without a limit, one request could append gigabytes.
    IF octet_length(payload::text) * cardinality(addressed) > 16777216 THEN
      RAISE EXCEPTION 'a payload of % bytes for % groups of that name is more than 16 MiB', octet_length(payload::text), cardinality(addressed)
        USING ERRCODE = 'check_violation', CONSTRAINT = 'notification_size', HINT = 'Use a smaller payload, or name the groups differently.';
    END IF;
    -- One event for the topic and the first group, so that a subscriber of both receives it once. With visible_to, an event
    -- for the user's groups leaves out the topic: anyone can subscribe to a topic, and only members may receive it.
    INSERT INTO plantao.events (position, kind, topic, group_id, payload)
    VALUES (head + 1, 'notification', CASE WHEN visible_to IS NULL OR addressed = '{}' THEN notify_group.name END,
            addressed[1], notify_group.payload);
    INSERT INTO plantao.events (position, kind, group_id, payload)
    SELECT head + 1 + row_number() OVER (ORDER BY id), 'notification', id, notify_group.payload
    FROM unnest(addressed[2:]) AS more (id);
    head := head + greatest(1, cardinality(addressed));
  END IF;
  PERFORM plantao.require_stored(least(plantao.log_head(), head), head, 'events');
  PERFORM plantao.hint('plantao_events', head::text);
  RETURN head;
END $$;
COMMENT ON FUNCTION plantao.notify_group(text, jsonb, bigint) IS
  'Notifies every client that waits on this name: the topic and every group of that name. With visible_to, only the groups of that name that the user is in, or the topic if there is none. The name ''all'' reaches every client. Returns the position. From psql: SELECT plantao.notify_group(''Grupo Geral'', ''{"note": "maintenance at 3"}'');';
