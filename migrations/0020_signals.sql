-- Signals of typing and presence. Nodes exchange them as notifications; they are not stored.

CREATE TABLE plantao.signal_key (
  only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
  key      bytea NOT NULL CHECK (octet_length(key) = 32)
           DEFAULT sha256(convert_to(gen_random_uuid()::text || gen_random_uuid()::text, 'UTF8'))
);
COMMENT ON TABLE plantao.signal_key IS
  'The key with which nodes encrypt their signals (AES-256-GCM). Every role that can connect can send and receive notifications: without the key it can neither read signals nor forge them. Replace it with DELETE and INSERT INTO plantao.signal_key DEFAULT VALUES; nodes read it again within ten seconds.';
COMMENT ON COLUMN plantao.signal_key.only_row IS 'Limits the table to one row.';
COMMENT ON COLUMN plantao.signal_key.key IS '32 random bytes.';
INSERT INTO plantao.signal_key DEFAULT VALUES;

CREATE FUNCTION plantao.send_signals(payloads text[]) RETURNS void
LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
  SELECT plantao.hint('plantao_signals', p) FROM unnest(payloads) AS p
$$;
COMMENT ON FUNCTION plantao.send_signals(text[]) IS
  'Sends signals of typing and presence to the nodes. Like every hint, it is skipped while the NOTIFY queue is at least half full.';
