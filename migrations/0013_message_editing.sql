-- Editing a message: an UPDATE of its content or meta, by the service or from psql, becomes one event.

CREATE TABLE plantao.message_edits (
  message_id  bigint NOT NULL CHECK (message_id BETWEEN 1 AND 9007199254740991),
  replaced_at timestamptz NOT NULL CHECK (replaced_at >= '1970-01-01 UTC' AND replaced_at < '10000-01-01 UTC'),
  content     text NOT NULL CHECK (char_length(content) <= 4096)
);
COMMENT ON TABLE plantao.message_edits IS
  'Earlier texts of edited messages. Empty unless nodes run with EDIT_HISTORY=true, or a transaction sets plantao.edit_history to its id (pg_current_xact_id()). Deleting a message deletes its rows here.';
COMMENT ON COLUMN plantao.message_edits.message_id IS 'The message. No foreign key: a trigger removes the rows of deleted messages in one statement.';
COMMENT ON COLUMN plantao.message_edits.replaced_at IS 'When this text was replaced: the edited_at of the text after it.';
COMMENT ON COLUMN plantao.message_edits.content IS 'The earlier text.';
-- The table has no primary key: without this, messages could not be deleted while a publication covers it.
ALTER TABLE plantao.message_edits REPLICA IDENTITY FULL;
CREATE INDEX message_edits_by_message ON plantao.message_edits (message_id, replaced_at);

CREATE FUNCTION plantao.stamp_edit() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
  NEW.edited_at := clock_timestamp();
  IF current_setting('plantao.edit_history', true) = pg_current_xact_id_if_assigned()::text AND NEW.content <> OLD.content THEN
    INSERT INTO plantao.message_edits (message_id, replaced_at, content) VALUES (OLD.id, NEW.edited_at, OLD.content);
  END IF;
  RETURN NEW;
END $$;
COMMENT ON FUNCTION plantao.stamp_edit() IS
  'Sets edited_at of a message whose text or meta changes, and keeps the earlier text if this transaction has set plantao.edit_history to its id.';
CREATE TRIGGER stamp_edit BEFORE UPDATE OF content, meta ON plantao.messages
  FOR EACH ROW WHEN ((OLD.content, OLD.meta) IS DISTINCT FROM (NEW.content, NEW.meta)) EXECUTE FUNCTION plantao.stamp_edit();

CREATE FUNCTION plantao.log_edits() RETURNS trigger
-- A session keeps the plan of its first statement, perhaps of one row. Nested loops would compare each old row of a later statement
-- with each new one.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_nestloop = off AS $$
DECLARE
  head bigint;
  added bigint;
BEGIN
  IF NOT EXISTS (SELECT FROM old_rows o JOIN new_rows n USING (id) WHERE (o.content, o.meta) IS DISTINCT FROM (n.content, n.meta)) THEN RETURN NULL; END IF;
  head := plantao.lock_log();
  -- The time of the event is that of the edit: an event that is earlier than the message's edited_at is out of date.
  INSERT INTO plantao.events (position, kind, group_id, message_id, at)
  SELECT head + row_number() OVER (ORDER BY n.id), 'message_edited', n.group_id, n.id, n.edited_at
  FROM old_rows o JOIN new_rows n USING (id) WHERE (o.content, o.meta) IS DISTINCT FROM (n.content, n.meta);
  GET DIAGNOSTICS added = ROW_COUNT;
  PERFORM plantao.hint('plantao_events', (head + added)::text);
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.log_edits() IS 'Appends one event for each message whose text or meta a statement changed.';
CREATE TRIGGER log_edited AFTER UPDATE ON plantao.messages
  REFERENCING OLD TABLE AS old_rows NEW TABLE AS new_rows FOR EACH STATEMENT EXECUTE FUNCTION plantao.log_edits();

-- One message may have more reactions and earlier texts than can be removed while other writes wait.
CREATE TABLE plantao.removed_messages (
  message_id bigint PRIMARY KEY CHECK (message_id BETWEEN 1 AND 9007199254740991)
);
COMMENT ON TABLE plantao.removed_messages IS
  'Deleted messages that had too many reactions or earlier texts for one transaction. The active node removes the rest within about a minute.';
COMMENT ON COLUMN plantao.removed_messages.message_id IS 'The message.';

CREATE FUNCTION plantao.forget_edits() RETURNS trigger
-- Without sequential scans, like every function whose plan may have been made while the table was small.
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp SET enable_seqscan = off AS $$
DECLARE
  forgotten integer;
BEGIN
  DELETE FROM plantao.message_edits e WHERE e.ctid = ANY (ARRAY(
    SELECT o.ctid FROM removed r CROSS JOIN LATERAL (
      SELECT e.ctid FROM plantao.message_edits e WHERE e.message_id = r.id OFFSET 0) o LIMIT 1000));
  GET DIAGNOSTICS forgotten = ROW_COUNT;
  IF forgotten = 1000 THEN
    INSERT INTO plantao.removed_messages (message_id)
    SELECT r.id FROM removed r WHERE EXISTS (SELECT FROM plantao.message_edits e WHERE e.message_id = r.id OFFSET 0)
    ON CONFLICT DO NOTHING;
  END IF;
  RETURN NULL;
END $$;
COMMENT ON FUNCTION plantao.forget_edits() IS
  'Removes the earlier texts of deleted messages, at most 1000 of them: plantao.forget_removed_messages() removes the rest.';
CREATE TRIGGER forget_edits AFTER DELETE ON plantao.messages
  REFERENCING OLD TABLE AS removed FOR EACH STATEMENT EXECUTE FUNCTION plantao.forget_edits();
