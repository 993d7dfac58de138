import { expect } from 'chai';
import { useDatabase } from '../../../support/postgres/use-database.ts';

describe('plantao.finish_import()', () => {
  const { sql: client } = useDatabase();
  before(async () => {
    await client.query(`
      INSERT INTO plantao.users (id, username) VALUES (1, 'one'), (2, 'two'), (3, 'three');
      INSERT INTO plantao.groups (id, name) VALUES (1, 'old'), (2, 'new');
      INSERT INTO plantao.memberships (group_id, user_id) VALUES (1, 1)`);
  });

  const importMember = (groupId: number, userId: number) =>
    client.query("SELECT plantao.import_rows('memberships', $1)", [
      JSON.stringify([{ group_id: groupId, user_id: userId }]),
    ]);
  const head = async (): Promise<string> => (await client.query('SELECT plantao.log_head() AS head')).rows[0].head;
  const joinedAfter = async (position: string) =>
    (
      await client.query(
        `SELECT group_id::int, user_id::int FROM plantao.events WHERE position > $1 AND kind = 'joined' ORDER BY position`,
        [position],
      )
    ).rows;

  it('announces the imported memberships only, also those of a savepoint and not those rolled back', async () => {
    const before = await head();
    await client.query('BEGIN');
    await importMember(2, 1);
    await client.query('SAVEPOINT one');
    await importMember(2, 2);
    await client.query('RELEASE one; SAVEPOINT two');
    await importMember(2, 3);
    await client.query('ROLLBACK TO two');
    await client.query('SELECT plantao.finish_import()');
    await client.query('COMMIT');
    // A member of group 1 whose cursor is older would otherwise count as one that has just joined, and lose what came before.
    expect(await joinedAfter(before)).to.deep.equal([
      { group_id: 2, user_id: 1 },
      { group_id: 2, user_id: 2 },
    ]);
  });

  it('announces each imported membership once, even if it is called twice in a transaction and again after it', async () => {
    const before = await head();
    await client.query('BEGIN');
    await importMember(2, 3);
    await client.query('SELECT plantao.finish_import()');
    await importMember(1, 2);
    await client.query('SELECT plantao.finish_import(); COMMIT');
    await client.query('SELECT plantao.finish_import()');
    expect(await joinedAfter(before)).to.deep.equal([
      { group_id: 2, user_id: 3 },
      { group_id: 1, user_id: 2 },
    ]);
  });
});
