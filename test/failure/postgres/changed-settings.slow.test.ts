import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { post } from '../../support/network/http.ts';
import { useTwoNodes } from '../../support/nodes/two-nodes.ts';

const TEXT = 'olá é ';

/** The settings that a DBA's trigger changes: name, value, and whether only for the transaction. */
const CHANGES: [name: string, value: string, isLocal: boolean][] = [
  ['DateStyle', 'SQL, DMY', false],
  ['DateStyle', 'SQL, DMY', true],
  ['array_nulls', 'off', false],
  ['client_encoding', 'LATIN1', false],
  ['TimeZone', 'Asia/Tokyo', false],
  ['default_transaction_isolation', 'serializable', false],
];

describe("A DBA's trigger that changes a setting of a node's session", () => {
  const nodes = useTwoNodes();
  const dba = nodes.sql;

  /** Runs `work` while inserting into the table sets the setting. */
  async function whileSetBy(table: string, change: (typeof CHANGES)[number], work: () => Promise<unknown>) {
    const [name, value, isLocal] = change;
    await dba.query(
      `CREATE OR REPLACE FUNCTION public.setter() RETURNS trigger LANGUAGE plpgsql AS
       $$BEGIN PERFORM set_config('${name}', '${value}', ${isLocal}); RETURN NEW; END$$`,
    );
    await dba.query(`CREATE TRIGGER zz AFTER INSERT ON ${table} FOR EACH ROW EXECUTE FUNCTION public.setter()`);
    try {
      await work();
    } finally {
      await dba.query(`DROP TRIGGER zz ON ${table}`);
    }
  }

  const send = (content: string, headers = {}) =>
    post(`${nodes.active.url}/messages`, { userId: 1, groupId: 1, content }, { headers });

  for (const [at, change] of CHANGES.entries()) {
    const [name, value, isLocal] = change;
    it(`does not change posts: ${name} = ${value}${isLocal ? ' in the transaction' : ''}`, async () => {
      const contents: string[] = [];
      const sendNext = async (headers = {}) => {
        const content = `${TEXT}${name} ${isLocal} ${contents.length}`;
        contents.push(content);
        const { status, text, body } = await send(content, headers);
        expect(status, text).to.equal(200);
        expect(body.timestamp, text).to.match(/^20\d\d-\d\d-\d\dT/);
      };
      const sendAll = async () => {
        await sendNext();
        await sendNext();
        await sendNext({ 'idempotency-key': `key-${at}-${contents.length}` });
      };
      await whileSetBy('plantao.messages', change, sendAll);
      await sendAll();
      const { rows } = await dba.query('SELECT content FROM plantao.messages WHERE content LIKE $1 ORDER BY id', [
        `${TEXT}${name} ${isLocal} %`,
      ]);
      expect(rows.map(({ content }) => content)).to.deep.equal(contents);
    });
  }

  it('is named in the log once for each value', () => {
    const logged = nodes.active.entries.filter(({ event }) => event === 'setting_changed');
    const [first = ''] = logged.map(({ msg }) => msg).filter((msg) => msg.includes('client_encoding'));
    expect(first).to.match(/^client_encoding became "LATIN1" in the session plantao:node-a:writer: probably a trigger/);
    expect(logged.map((entry) => entry.setting)).to.have.members(['DateStyle', 'client_encoding', 'TimeZone']);
  });

  for (const change of CHANGES) {
    const [name, , isLocal] = change;
    it(`does not change new groups: ${name}${isLocal ? ' in the transaction' : ''}`, async () => {
      const created: string[] = [];
      const create = async () => {
        const groupName = `São ${name} ${isLocal} ${created.length}`;
        created.push(groupName);
        const body = { groupName, creatorId: 1, members: ['bruno_orm'] };
        const headers = { 'idempotency-key': `group-${name}-${isLocal}-${created.length}` };
        const { status, text } = await post(`${nodes.active.url}/create-chat`, body, { headers });
        expect(status, text).to.equal(200);
      };
      await whileSetBy('plantao.groups', change, async () => {
        await create();
        await create();
        await create();
      });
      await create();
      await create();
      const { rows } = await dba.query('SELECT name FROM plantao.groups WHERE name LIKE $1 ORDER BY id', [
        `São ${name} ${isLocal} %`,
      ]);
      expect(rows.map((row) => row.name)).to.deep.equal(created);
    });
  }

  it('corrupts no message, and posts are stored again once it is gone: statement_timeout = 1', async () => {
    const stored: string[] = [];
    const sendNext = async () => {
      const content = `${TEXT}timeout ${stored.length}`;
      const { status, text } = await send(content);
      expect(status, text).to.be.oneOf([200, 503]);
      if (status === 200) stored.push(content);
      return status === 200;
    };
    await whileSetBy('plantao.messages', ['statement_timeout', '1', false], async () => {
      for (let count = 0; count < 5; count++) await sendNext();
    });
    await eventually('three posts in a row are stored', async () => {
      return (await sendNext()) && (await sendNext()) && (await sendNext());
    });
    const { rows } = await dba.query('SELECT content FROM plantao.messages WHERE content LIKE $1 ORDER BY id', [
      `${TEXT}timeout %`,
    ]);
    expect(rows.map(({ content }) => content)).to.deep.equal(stored);
  });
});
