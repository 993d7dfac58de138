import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../support/eventually.ts';
import { get } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';
import { lockWaits } from '../../support/postgres/lock-waits.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';
import { Follower } from './delivery-follower.ts';
import { LogNode } from './delivery-node.ts';

const GROUP = 1;
const insert = (client: pg.ClientBase, content: string, id: number | null = null) =>
  client.query(
    `INSERT INTO plantao.messages (id, group_id, sender_id, content)
     VALUES (coalesce($3, nextval('plantao.messages_id_seq')), $1, 1, $2)`,
    [GROUP, content, id],
  );
const nextId = async (client: pg.ClientBase) =>
  (await client.query<{ id: number }>("SELECT nextval('plantao.messages_id_seq') AS id")).rows[0]?.id ?? 0;

/** Two sessions that write without a node, as psql does. */
function useTwoSessions(url: () => string) {
  const used = {} as { one: pg.Client; two: pg.Client };
  before(async () => {
    used.one = new pg.Client({ connectionString: url() });
    used.two = new pg.Client({ connectionString: url() });
    await Promise.all([used.one.connect(), used.two.connect()]);
  });
  after(async () => {
    await Promise.all([used.one?.end(), used.two?.end()]);
  });
  return used;
}

describe('Commit order is log order, for every writer', () => {
  const nodes = useTwoNodes();
  const session = useTwoSessions(() => nodes.database.url);
  let followers: Follower[] = [];

  beforeEach(async () => {
    const { body } = await get<{ cursor: string }>(`${nodes.active.url}/messages?groupId=${GROUP}`);
    const { active, standby } = nodes;
    followers = [active, standby].map(({ url }) => Follower.start(url, 'subscribe/user?user_id=1', body.cursor));
  });
  afterEach(async () => {
    await Promise.all(followers.map((follower) => follower.stop()));
  });

  const heard = async (...texts: string[]) => {
    for (const follower of followers) {
      await eventually(`"${texts.at(-1)}" is heard`, () => follower.texts.includes(texts.at(-1) ?? ''));
      expect(follower.texts).to.deep.equal(texts);
      const positions = follower.events.map(({ cursor }) => Number(cursor.split('-')[1]));
      expect(positions).to.deep.equal(positions.map((_, at) => (positions[0] ?? 0) + at));
    }
  };

  it('holds for an INSERT in psql, which reaches the polls on both nodes', async () => {
    await insert(session.one, 'from psql');
    await heard('from psql');
  });

  it('holds for two transactions that commit in the reverse order of their start and of their ids', async () => {
    const { one, two } = session;
    await one.query('BEGIN');
    const lower = await nextId(one);
    await two.query('BEGIN');
    await insert(two, 'began second');
    await two.query('COMMIT');
    await heard('began second');
    await insert(one, 'began first', lower);
    await one.query('COMMIT');
    await heard('began second', 'began first');
  });

  it('makes the later of two writers wait for the earlier, and shows neither before its commit', async () => {
    const { one, two } = session;
    await one.query('BEGIN');
    await insert(one, 'holds the log');
    let isThrough = false;
    const second = insert(two, 'waits for it').then(() => {
      isThrough = true;
    });
    await eventually('the second waits for the lock', () => lockWaits(one, 'plantao_mutexes.event_log'));
    expect(isThrough).to.equal(false);
    expect(followers.flatMap(({ texts }) => texts)).to.deep.equal([]);
    await one.query('COMMIT');
    await second;
    await heard('holds the log', 'waits for it');
  });

  it('leaves no gap after a rollback, whole or to a savepoint', async () => {
    const { one, two } = session;
    await one.query('BEGIN');
    await insert(one, 'never was');
    await one.query('ROLLBACK');
    await insert(two, 'first');
    await one.query('BEGIN');
    await one.query('SAVEPOINT here');
    await insert(one, 'never was either');
    await one.query('ROLLBACK TO here');
    // The lock was released with the savepoint: another transaction may write in between.
    await insert(two, 'second');
    await insert(one, 'third');
    await one.query('COMMIT');
    await heard('first', 'second', 'third');
  });

  it('holds for a thousand rows in one statement, by their ids, over several pages', async () => {
    await session.one.query(
      `INSERT INTO plantao.messages (group_id, sender_id, content)
       SELECT $1, 1, 'row ' || n FROM generate_series(1, 1234) n`,
      [GROUP],
    );
    await heard(...Array.from({ length: 1234 }, (_, n) => `row ${n + 1}`));
  });

  it('holds for many simultaneous writers in psql, each with several statements', async () => {
    const clients = Array.from({ length: 8 }, () => new pg.Client({ connectionString: nodes.database.url }));
    await Promise.all(clients.map((client) => client.connect()));
    const write = async (client: pg.Client, writer: number) => {
      for (let n = 0; n < 10; n++) {
        await client.query('BEGIN');
        await client.query('SELECT pg_sleep(random() / 200)');
        await insert(client, `${writer} ${n} a`);
        await client.query('SELECT pg_sleep(random() / 200)');
        await insert(client, `${writer} ${n} b`);
        await client.query(n % 3 === 2 ? 'ROLLBACK' : 'COMMIT');
      }
    };
    await Promise.all(clients.map(write));
    await Promise.all(clients.map((client) => client.end()));
    await insert(session.one, 'the end');
    const { rows } = await session.one.query<{ content: string }>(
      `SELECT content FROM plantao.event_feed WHERE kind = 'message' AND position > $1 ORDER BY position`,
      [Number(followers[0]?.events[0]?.cursor.split('-')[1] ?? 1) - 1],
    );
    await eventually('both followers have received the end', () =>
      followers.every(({ texts }) => texts.includes('the end')),
    );
    expect(followers[0]?.texts.length).to.equal(8 * 7 * 2 + 1);
    for (const { texts } of followers) expect(texts).to.deep.equal(rows.map(({ content }) => content));
  });

  describe('changes that the log cannot represent are refused, not lost:', () => {
    const codeOf = (work: Promise<unknown>) =>
      work.then(
        () => 'done',
        (error: pg.DatabaseError) => error.code,
      );

    it('a write under an older snapshot than the lock', async () => {
      const { one } = session;
      for (const isolation of ['REPEATABLE READ', 'SERIALIZABLE']) {
        await one.query(`BEGIN ISOLATION LEVEL ${isolation}`);
        expect(await codeOf(insert(one, 'too old a view'))).to.equal('PT003');
        await one.query('ROLLBACK');
      }
    });

    it('a membership or a message that is moved by UPDATE, a table that is emptied by TRUNCATE', async () => {
      const { one } = session;
      expect(await codeOf(one.query('UPDATE plantao.memberships SET user_id = 2 WHERE user_id = 1'))).to.equal('PT004');
      expect(await codeOf(insert(one, 'to be moved'))).to.equal('done');
      expect(await codeOf(one.query('UPDATE plantao.messages SET group_id = 2'))).to.equal('PT004');
      expect(await codeOf(one.query('TRUNCATE plantao.memberships'))).to.equal('PT004');
      expect(await codeOf(one.query('TRUNCATE plantao.messages CASCADE'))).to.equal('PT004');
      for (const table of [
        'tokens',
        'token_revocations',
        'identities',
        'revoked_jwts',
        'reaction_counts',
        'message_search',
        'search_segments',
      ]) {
        const refusal = await one.query(`TRUNCATE plantao.${table}`).catch((error) => error);
        expect(refusal, table).to.include({
          code: 'PT004',
          message: `the event log does not record TRUNCATE of ${table}`,
        });
      }
      for (const table of ['event_log', 'events', 'epochs', 'cluster', 'leader_terms', 'migrations']) {
        expect(await codeOf(one.query(`TRUNCATE plantao.${table}`)), table).to.equal('PT008');
      }
      for (const table of ['event_log', 'cluster', 'migrations']) {
        expect(await codeOf(one.query(`DELETE FROM plantao.${table}`)), table).to.equal('PT008');
      }
      // These statements are allowed.
      expect(await codeOf(one.query('UPDATE plantao.messages SET created_at = now()'))).to.equal('done');
      expect(await codeOf(one.query('UPDATE plantao.memberships SET joined_at = now()'))).to.equal('done');
    });
  });
});

describe('Positions from a sequence instead of the lock', () => {
  const { database } = useDatabase();
  const session = useTwoSessions(() => database.url);

  it('would lose the transaction that commits late: the same check fails', async () => {
    const { one, two } = session;
    await one.query(`
      INSERT INTO plantao.users (username) VALUES ('ana');
      INSERT INTO plantao.groups (name) VALUES ('g');
      CREATE SEQUENCE plantao.positions;
      CREATE OR REPLACE FUNCTION plantao.lock_log() RETURNS bigint LANGUAGE sql AS $$
        SELECT nextval('plantao.positions') - 1
      $$`);
    const node = await LogNode.start({ url: database.url });
    try {
      await one.query('BEGIN');
      await insert(one, 'commits late');
      await insert(two, 'commits first');
      await node.log.hint();
      await one.query('COMMIT');
      await insert(two, 'the end');
      await node.log.hint();
      const texts = node.events.map(({ message }) => (message ? JSON.parse(message).content : null));
      expect(texts).to.deep.equal(['commits first', 'the end']);
    } finally {
      await node.stop();
    }
  });
});
