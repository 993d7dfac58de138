import { expect } from 'chai';
import { useDatabase } from '../../../support/postgres/use-database.ts';

/** Changes that delete or update rows of tables that are written as logs. */
const CHANGES: [what: string, sql: string][] = [
  ['the deletion of a message', 'DELETE FROM plantao.messages'],
  ['a new password', "UPDATE plantao.users SET password_hash = 'other'"],
  ['the revocation of tokens', 'SELECT plantao.revoke_tokens(1)'],
  ['the deletion of an account', "SELECT plantao.erase_user(1, 'erase')"],
];

describe('A publication of all tables (logical replication)', () => {
  const { sql: client } = useDatabase();

  before(async () => {
    await client.query(`
      INSERT INTO plantao.users (id, username, password_hash) VALUES (1, 'one', 'hash');
      INSERT INTO plantao.groups (id, name) VALUES (1, 'group');
      INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'x');
      INSERT INTO plantao.tokens (hash, user_id, expires_at) VALUES (sha256('x'), 1, now() + interval '1 hour');
      SET client_min_messages = error;
      CREATE PUBLICATION everything FOR ALL TABLES`);
  });

  for (const [what, sql] of CHANGES) {
    it(`does not fail ${what}`, async () => {
      await client.query(`BEGIN; ${sql}`).finally(() => client.query('ROLLBACK'));
    });
  }

  it('finds a replica identity in every table', async () => {
    const { rows } = await client.query(`
      SELECT c.relname FROM pg_class c
      WHERE c.relnamespace = 'plantao'::regnamespace AND c.relkind = 'r' AND c.relpersistence = 'p' AND c.relreplident <> 'f'
        AND NOT EXISTS (SELECT FROM pg_index i WHERE i.indrelid = c.oid AND i.indisprimary)`);
    expect(rows).to.deep.equal([]);
  });
});
