-- Posting: one call, one commit and one NOTIFY for all messages that wait to be stored.

CREATE TABLE plantao.idempotency_keys (
  sender_id    bigint NOT NULL,
  key          text NOT NULL,
  group_id     bigint NOT NULL,
  content_hash bytea NOT NULL,
  message_id   bigint NOT NULL,
  position     bigint NOT NULL,
  sent_at      timestamptz NOT NULL,
  PRIMARY KEY (sender_id, key)
);
COMMENT ON TABLE plantao.idempotency_keys IS 'What a POST /messages with an Idempotency-Key was answered, so that a retry is answered the same.';
COMMENT ON COLUMN plantao.idempotency_keys.sender_id IS 'Keys are each sender''s own.';
COMMENT ON COLUMN plantao.idempotency_keys.key IS 'The header Idempotency-Key.';
COMMENT ON COLUMN plantao.idempotency_keys.group_id IS 'Where the first one went; another group under the same key is refused.';
COMMENT ON COLUMN plantao.idempotency_keys.content_hash IS 'SHA-256 of its text; another text under the same key is refused.';
COMMENT ON COLUMN plantao.idempotency_keys.message_id IS 'The message that it made.';
COMMENT ON COLUMN plantao.idempotency_keys.position IS 'Its event in the log.';
COMMENT ON COLUMN plantao.idempotency_keys.sent_at IS 'When; the key is forgotten after its stated life.';
CREATE INDEX idempotency_keys_by_age ON plantao.idempotency_keys (sent_at);

CREATE FUNCTION plantao.post_messages(
  under_term bigint, members_only boolean,
  senders bigint[], group_ids bigint[], contents text[], keys text[]
) RETURNS TABLE (outcome text, message_id bigint, sent_at timestamptz, log_position bigint)
LANGUAGE plpgsql AS $$
DECLARE
  outcomes text[];
  ids bigint[];
  earlier_at timestamptz[];
  positions bigint[];
  sent integer;
  head bigint;
BEGIN
  PERFORM plantao.assert_term(under_term);
  -- Before the keys are looked up: a batch whose answer was lost may be committing still, and its keys must be seen.
  PERFORM plantao.lock_log();

  SELECT array_agg(j.outcome ORDER BY j.n),
         array_agg(CASE j.outcome WHEN 'sent' THEN nextval('plantao.messages_id_seq') ELSE j.earlier_id END ORDER BY j.n),
         array_agg(j.sent_at ORDER BY j.n),
         array_agg(j.position ORDER BY j.n),
         count(*) FILTER (WHERE j.outcome = 'sent')
  INTO outcomes, ids, earlier_at, positions, sent
  FROM (
    SELECT p.n, k.message_id AS earlier_id, k.sent_at, k.position,
           -- A known key first: a retry gets the first answer, also when its sender has been put out of the group since.
           CASE WHEN k.group_id = p.group_id AND k.content_hash = sha256(convert_to(p.content, 'UTF8')) THEN 'repeated'
                WHEN k.key IS NOT NULL THEN 'key_reused'
                WHEN u.id IS NULL THEN 'user_not_found'
                WHEN g.id IS NULL THEN 'group_not_found'
                WHEN members_only AND m.user_id IS NULL THEN 'not_a_member'
                ELSE 'sent' END AS outcome
    FROM unnest(senders, group_ids, contents, keys) WITH ORDINALITY AS p (sender, group_id, content, key, n)
    LEFT JOIN plantao.users u ON u.id = p.sender
    LEFT JOIN plantao.groups g ON g.id = p.group_id
    LEFT JOIN plantao.memberships m ON members_only AND m.group_id = p.group_id AND m.user_id = p.sender
    LEFT JOIN plantao.idempotency_keys k ON k.sender_id = p.sender AND k.key = p.key
    ORDER BY p.n
  ) j;

  IF sent > 0 THEN
    INSERT INTO plantao.messages (id, group_id, sender_id, content)
    SELECT p.id, p.group_id, p.sender, p.content
    FROM unnest(senders, group_ids, contents, ids, outcomes) AS p (sender, group_id, content, id, outcome)
    WHERE p.outcome = 'sent';
    -- The trigger has appended them in the order of their ids and this transaction still has the log, so the last of
    -- them is the head.
    head := plantao.log_head();
    SELECT array_agg(CASE p.outcome WHEN 'sent' THEN head - sent + p.rank ELSE p.position END ORDER BY p.n)
    INTO positions
    FROM (SELECT q.*, count(*) FILTER (WHERE q.outcome = 'sent') OVER (ORDER BY q.n) AS rank
          FROM unnest(outcomes, positions) WITH ORDINALITY AS q (outcome, position, n)) p;

    INSERT INTO plantao.idempotency_keys (sender_id, key, group_id, content_hash, message_id, position, sent_at)
    SELECT p.sender, p.key, p.group_id, sha256(convert_to(p.content, 'UTF8')), p.id, p.position, now()
    FROM unnest(senders, group_ids, contents, keys, ids, outcomes, positions)
      AS p (sender, group_id, content, key, id, outcome, position)
    WHERE p.outcome = 'sent' AND p.key IS NOT NULL;
  END IF;

  RETURN QUERY
  SELECT p.outcome, p.id, coalesce(p.earlier_at, now()), p.position
  FROM unnest(outcomes, ids, earlier_at, positions) WITH ORDINALITY AS p (outcome, id, earlier_at, position, n)
  ORDER BY p.n;
END $$;
COMMENT ON FUNCTION plantao.post_messages(bigint, boolean, bigint[], bigint[], text[], text[]) IS
  'Stores a batch of messages under a term, one answer a message in the order given: sent, repeated (key known, first answer again), key_reused (other group or text under that key), user_not_found, group_not_found, not_a_member. One refused post harms no other. No two posts of a call may share sender and key.';
