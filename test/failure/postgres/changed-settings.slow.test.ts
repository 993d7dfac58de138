import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { post } from '../../support/network/http.ts';
import { startTwoNodes, type TwoNodes } from '../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';

const TEXT = 'olá é ';

/** What a trigger of a DBA's sets: name, value, and whether only for the transaction. */
const CHANGES: [name: string, value: string, isLocal: boolean][] = [
  ['DateStyle', 'SQL, DMY', false],
  ['DateStyle', 'SQL, DMY', true],
  ['array_nulls', 'off', false],
];

describe("A trigger of a DBA's that changes a setting of a node's session", () => {
  let database: TestDatabase;
  let nodes: TwoNodes;
  let dba: pg.Client;

  before(async () => {
    database = await createDatabase();
    await seedData(database.url);
    dba = new pg.Client({ connectionString: database.url });
    await dba.connect();
    nodes = await startTwoNodes(database.url);
  });
  after(async () => {
    await nodes?.stop();
    await dba?.end();
    await database?.drop();
  });

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
    it(`leaves posts as they are: ${name} = ${value}${isLocal ? ' in the transaction' : ''}`, async () => {
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
});
