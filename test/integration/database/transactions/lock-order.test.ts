import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../../support/eventually.ts';
import { lockWaits } from '../../../support/postgres/lock-waits.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const POST = `SELECT outcome FROM plantao.post_messages(1, false, $1::bigint[], $2::bigint[], $3::text[], $4::text[])`;
const WRITERS = 6;
const ROUNDS = 25;

/** Changes by psql of a group or user that others write to. Each is rolled back, so that the next round finds it unchanged. */
const CHANGES: [what: string, sql: string][] = [
  ['the deletion of a group', 'DELETE FROM plantao.groups WHERE id = 1'],
  ['the deletion of all groups', 'DELETE FROM plantao.groups'],
  ['the deletion of a user', 'DELETE FROM plantao.users WHERE id = 2'],
  ['the deletion of memberships', 'DELETE FROM plantao.memberships WHERE user_id IN (1, 2)'],
  ['the deletion of messages', 'DELETE FROM plantao.messages WHERE group_id = 1'],
  ['a change of a group', "UPDATE plantao.groups SET name = name || '', creator_id = 2 WHERE id = 1"],
];

describe('Posts, joins and new groups', () => {
  const { database, sql } = useDatabase();
  let clients: pg.Client[] = [];

  before(async () => {
    clients = Array.from({ length: WRITERS }, () => new pg.Client(database.url));
    await Promise.all(clients.map((client) => client.connect()));
    await sql.query(`
      INSERT INTO plantao.users (id, username) VALUES (1, 'one'), (2, 'two');
      INSERT INTO plantao.groups (name, creator_id) SELECT 'g ' || n, 1 FROM generate_series(1, 3) n;
      INSERT INTO plantao.memberships (group_id, user_id) SELECT g, u FROM generate_series(1, 3) g, generate_series(1, 2) u;
      INSERT INTO plantao.leader_terms (term, node, url, backend_pid, reason) VALUES (1, 'x', 'http://x', 1, 'test')`);
  });
  after(async () => {
    await Promise.all(clients.map((client) => client.end()));
  });

  for (const [what, change] of CHANGES) {
    it(`do not deadlock with ${what}`, async () => {
      let isOver = false;
      const outcomes = new Map<string, number>();
      const count = (outcome: string) => outcomes.set(outcome, (outcomes.get(outcome) ?? 0) + 1);
      const failed = (error: pg.DatabaseError) => count(error.code ?? String(error));
      const write = async (client: pg.Client, at: number) => {
        for (let round = 0; !isOver; round++) {
          const key = at % 2 === 0 ? `${what} ${at} ${round}` : null;
          await client
            .query(POST, [[1], [1 + (at % 3)], ['x'], [key]])
            .then(({ rows }) => count(rows[0].outcome), failed);
          const join = 'INSERT INTO plantao.memberships (group_id, user_id) VALUES (1, 2) ON CONFLICT DO NOTHING';
          if (at === 1) await client.query(join).catch(failed);
          if (at === 3)
            await client.query("INSERT INTO plantao.groups (name, creator_id) VALUES ('new', 2)").catch(failed);
        }
      };
      const writing = clients.map(write);
      try {
        for (let round = 0; round < ROUNDS; round++) {
          await sql.query(`BEGIN; ${change}; ROLLBACK`).catch(async (error: pg.DatabaseError) => {
            await sql.query('ROLLBACK');
            // Deleting a user who has sent messages is refused, which is no deadlock.
            if (error.code !== '23503') count(error.code ?? String(error));
          });
        }
        await eventually('posts are sent meanwhile', () => (outcomes.get('sent') ?? 0) > WRITERS);
      } finally {
        isOver = true;
        await Promise.all(writing);
      }
      expect([...outcomes.keys()]).to.deep.equal(['sent']);
    });
  }

  /** Two transactions that lock the same row, and the log before or after it. */
  const PAIRS: [what: string, first: string, other: string, second: string][] = [
    [
      'a join of a user whose departure is being forgotten',
      'DELETE FROM plantao.departures WHERE (group_id, user_id) = (2000000, 2)',
      'INSERT INTO plantao.memberships (group_id, user_id) VALUES (2000000, 2)',
      'INSERT INTO plantao.memberships (group_id, user_id) VALUES (2000001, 2)',
    ],
    [
      'a join by an invitation that is being revoked',
      'INSERT INTO plantao.memberships (group_id, user_id) VALUES (2000001, 2)',
      `UPDATE plantao.invitations SET uses_left = uses_left - 1 WHERE group_id = 2000000;
       INSERT INTO plantao.memberships (group_id, user_id) VALUES (2000000, 2)`,
      'DELETE FROM plantao.invitations WHERE group_id = 2000000',
    ],
    [
      'the end of a hook that is being renamed',
      "UPDATE plantao.hooks SET name = 'other' WHERE group_id = 2000000",
      'SELECT plantao.revoke_hook(user_id) FROM plantao.hooks WHERE group_id = 2000000',
      'INSERT INTO plantao.memberships (group_id, user_id) VALUES (2000001, 2)',
    ],
  ];
  for (const [what, first, otherSql, second] of PAIRS) {
    it(`do not deadlock with each other: ${what}`, async () => {
      await sql.query(`
        SELECT plantao.repair_sequences();
        DELETE FROM plantao.groups WHERE id >= 2000000;
        INSERT INTO plantao.groups (id, name) VALUES (2000000, 'a'), (2000001, 'b');
        INSERT INTO plantao.departures (group_id, user_id) VALUES (2000000, 2);
        INSERT INTO plantao.invitations (hash, group_id, expires_at, uses_left)
        VALUES (sha256(convert_to('${what}', 'UTF8')), 2000000, now() + interval '1 hour', 5);
        SELECT plantao.create_hook(2000000, 'hook')`);
      await sql.query(`BEGIN; ${first}`);
      const other = clients[0]?.query(`BEGIN; ${otherSql}; COMMIT`).then(
        () => 'done',
        (error: pg.DatabaseError) => error.code,
      );
      await eventually('the other transaction waits', () => lockWaits(sql));
      const own = await sql.query(second).then(
        () => 'done',
        (error: pg.DatabaseError) => error.code,
      );
      await sql.query('COMMIT');
      const results = [own, await other];
      await clients[0]?.query('ROLLBACK');
      expect(results).to.deep.equal(['done', 'done']);
    });
  }

  it('a post to a group whose deletion commits first gets group_not_found', async () => {
    await sql.query("INSERT INTO plantao.groups (id, name) VALUES (1000000, 'short')");
    await sql.query('BEGIN; DELETE FROM plantao.groups WHERE id = 1000000');
    const post = clients[0]?.query(POST, [[1], [1_000_000], ['x'], [null]]);
    await eventually('the post waits', () => lockWaits(sql));
    await sql.query('COMMIT');
    expect((await post)?.rows).to.deep.equal([{ outcome: 'group_not_found' }]);
  });
});
