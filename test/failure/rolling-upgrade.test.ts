import { expect } from 'chai';
import { MigrationError, migrate } from '../../src/database/migrator.ts';
import { eventually } from '../support/eventually.ts';
import { get, type JsonObject, post } from '../support/network/http.ts';
import { useTwoNodes } from '../support/nodes/two-nodes.ts';

/** Changes that a migration may make while nodes run: they only add. Each would break a result that is read by position. */
const MIGRATION = `
  BEGIN;
  SELECT plantao.lock_log();
  ALTER TABLE plantao.messages ADD COLUMN pinned_at timestamptz;
  ALTER TABLE plantao.users ADD COLUMN locale text;
  ALTER TABLE plantao.events ADD COLUMN note text;
  DO $$ DECLARE feed text; BEGIN
    SELECT rtrim(pg_get_viewdef('plantao.event_feed'::regclass), ';') INTO feed;
    EXECUTE 'CREATE OR REPLACE VIEW plantao.event_feed AS SELECT f.*, 1 AS added FROM (' || feed || ') f';
    SELECT rtrim(pg_get_viewdef('plantao.log_bounds'::regclass), ';') INTO feed;
    EXECUTE 'CREATE OR REPLACE VIEW plantao.log_bounds AS SELECT f.*, 1 AS added FROM (' || feed || ') f';
  END $$;
  ALTER FUNCTION plantao.post_messages RENAME TO post_messages_before;
  CREATE FUNCTION plantao.post_messages(
    under_term bigint, members_only boolean, senders bigint[], group_ids bigint[], contents text[], keys text[])
  RETURNS TABLE (outcome text, message_id bigint, sent_at timestamptz, log_position bigint, durable text, added text)
  LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$
    SELECT b.*, NULL::text
    FROM plantao.post_messages_before(under_term, members_only, senders, group_ids, contents, keys) b $$;
  ALTER FUNCTION plantao.hold_leader_lock RENAME TO hold_leader_lock_before;
  CREATE FUNCTION plantao.hold_leader_lock(for_term bigint DEFAULT NULL) RETURNS boolean
  LANGUAGE sql SET search_path = pg_catalog, pg_temp AS $$ SELECT plantao.hold_leader_lock_before(for_term) $$;
  INSERT INTO plantao.migrations (number, name) SELECT 1 + max(number), 'next' FROM plantao.migrations;
  COMMIT`;

describe('A rolling upgrade', () => {
  const nodes = useTwoNodes();
  const client = nodes.sql;

  it('keeps the running nodes serving posts and polls during the next migration, under one term', async () => {
    const { body: before } = await get<JsonObject>(`${nodes.active.url}/health`);
    const { body: chats } = await get<{ cursor: string }>(`${nodes.active.url}/chats?userId=1`);
    const send = async (content: string) => {
      await eventually(
        `"${content}" is stored`,
        async () => {
          const { status, body, text } = await post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content });
          // The migration holds the log until it commits; on a busy machine that may outlast the wait of a post.
          if (status !== 200) expect(body.code, text).to.equal('blocked');
          return status === 200;
        },
        { within: 15_000 },
      );
    };
    for (let at = 0; at < 5; at++) await send(`before ${at}`);
    const [migrated] = await Promise.all([client.query(MIGRATION), send('during 1'), send('during 2')]);
    expect(migrated).to.be.an('array');
    // Twice each: a session that prepared a statement before, and one that did not.
    for (let at = 0; at < 5; at++) await send(`after ${at}`);
    for (const { url } of [nodes.active, nodes.standby]) {
      // A standby reads the last one a moment after the response to its post.
      const contents = await eventually('all twelve are delivered', async () => {
        const { status, body, text } = await get<{ events: { message?: { content: string } }[] }>(
          `${url}/subscribe/status?groupId=1&cursor=${chats.cursor}`,
        );
        expect(status, text).to.equal(200);
        return body.events.length === 12 && body.events.map(({ message }) => message?.content);
      });
      expect(contents.at(-1)).to.equal('after 4');
      for (const path of ['/messages?groupId=1', '/chats?userId=1', '/users', '/cluster', '/readiness']) {
        expect((await get(url + path)).status, path).to.equal(200);
      }
      const { body: health } = await get<JsonObject>(`${url}/health`);
      expect(health.term, 'no promotion').to.equal(before.term);
    }
  });

  it('makes an older node refuse to start on the newer schema, with the reason', async () => {
    const error = await migrate(nodes.database.url).catch((refusal) => refusal);
    expect(error).to.be.instanceOf(MigrationError);
    expect(error.message).to.match(
      /^the database has schema version \d+, and this version of Plantão knows only \d+: start a newer/,
    );
  });
});
