import { expect } from 'chai';
import { post } from '../../../support/network/http.ts';
import { useTwoNodes } from '../../../support/nodes/two-nodes.ts';
import { withSession } from '../../../support/postgres/with-session.ts';
import { chatCalls } from '../../chat-calls.ts';

describe('A sequence that is behind the ids in its table', () => {
  const nodes = useTwoNodes();
  const client = nodes.sql;
  const { on, newGroup } = chatCalls(nodes);
  const last = async (sequence: string) => {
    const { rows } = await client.query(`SELECT last_value::float8 AS last FROM ${sequence}`);
    return rows[0].last as number;
  };
  const behind = (sequence: string) => client.query(`SELECT setval('${sequence}', 1, false)`);

  before(async () => {
    await client.query(`
      INSERT INTO plantao.messages (id, group_id, sender_id, content) SELECT 1000 + n, 1, 1, 'x' FROM generate_series(1, 50) n;
      INSERT INTO plantao.messages (id, group_id, sender_id, content) VALUES (1, 1, 1, 'x') ON CONFLICT DO NOTHING`);
  });

  it('does not fail posts, with or without a key, also concurrent ones', async () => {
    for (const headers of [{}, { 'idempotency-key': 'taken-1' }]) {
      await behind('plantao.messages_id_seq');
      const message = { userId: 1, groupId: 1, content: 'taken' };
      const responses = await Promise.all([1, 2, 3].map(() => post(on('/messages'), message, { headers })));
      expect(responses.map(({ status }) => status)).to.deep.equal([200, 200, 200]);
    }
    expect(await last('plantao.messages_id_seq')).to.be.above(1050);
  });

  it('does not fail a registration or a new group', async () => {
    await behind('plantao.users_id_seq');
    const { status } = await post(on('/register'), { username: 'nova', password: 'uma senha boa' });
    expect(status).to.equal(201);
    await behind('plantao.groups_id_seq');
    expect(await newGroup('Novo')).to.be.above(1);
  });

  it('continues after the highest id once it is exhausted', async () => {
    await client.query("SELECT setval('plantao.messages_id_seq', 9007199254740991)");
    const { status, body } = await post(on('/messages'), { userId: 1, groupId: 1, content: 'end' });
    expect(status).to.equal(200);
    expect(body.message_id).to.be.below(5000);
  });

  for (const id of ['9007199254740991', '9007199254740990', '9000000000000000']) {
    it(`continues below a row that was inserted with the id ${id}`, async () => {
      await client.query(`SELECT setval('plantao.messages_id_seq', ${id})`);
      await client.query(`INSERT INTO plantao.messages (id, group_id, sender_id, content) VALUES (${id}, 1, 1, 'far')`);
      await client.query('SELECT FROM plantao.repair_sequences()');
      for (const content of ['first', 'second', 'third']) {
        const { status, body } = await post(on('/messages'), { userId: 1, groupId: 1, content });
        expect(status).to.equal(200);
        expect(body.message_id).to.be.below(5000);
      }
      await client.query(`DELETE FROM plantao.messages WHERE id = ${id}`);
    });
  }

  it('is not lowered if a DBA has set a maximum, and it is in the upper half', async () => {
    const before = await last('plantao.messages_id_seq');
    await client.query(`
      ALTER TABLE plantao.messages ALTER COLUMN id SET MAXVALUE 2147483647;
      INSERT INTO plantao.messages (id, group_id, sender_id, content) VALUES (2000000000, 1, 1, 'far');
      SELECT setval('plantao.messages_id_seq', 2000000000)`);
    const { rows } = await client.query('SELECT sequence FROM plantao.repair_sequences()');
    expect(rows).to.deep.equal([]);
    const { body } = await post(on('/messages'), { userId: 1, groupId: 1, content: 'next' });
    expect(body.message_id).to.equal(2_000_000_001);
    await client.query(`
      DELETE FROM plantao.messages WHERE id >= 2000000000;
      ALTER TABLE plantao.messages ALTER COLUMN id SET MAXVALUE 9007199254740991;
      SELECT setval('plantao.messages_id_seq', ${before})`);
  });

  it('is set by repair_sequences(), which lowers no sequence', async () => {
    await behind('plantao.users_id_seq');
    await client.query("SELECT setval('plantao.groups_id_seq', 100000)");
    const { rows } = await client.query('SELECT sequence FROM plantao.repair_sequences()');
    expect(rows).to.deep.equal([{ sequence: 'plantao.users_id_seq' }]);
    expect(await last('plantao.groups_id_seq')).to.equal(100_000);
  });

  it('is checked without a lock, so that the first posts of a term do not wait for the check', async () => {
    await client.query('SELECT FROM plantao.repair_sequences()');
    await withSession(nodes.database.url, async (other) => {
      await other.query('BEGIN; SELECT plantao.lock_log()');
      const { rows } = await client.query('SELECT sequence FROM plantao.repair_sequences()');
      expect(rows).to.deep.equal([]);
    });
  });
});
