import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { always } from '../../support/always.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { get } from '../../support/network/http.ts';
import { untilActive } from '../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

interface Readiness {
  ready: boolean;
  conditions: { name: string; reason: string }[];
}

describe('A node whose tables a DBA changes', function () {
  this.timeout(60_000);
  const { database, sql: dba } = useDatabase();
  let node: LocalNode;
  before(async () => {
    await seedData(database.url);
    await start();
  });
  after(async () => {
    await node?.stop();
  });

  const start = async () => {
    const env = {
      DATABASE_URL: database.url,
      PORT: String(await freePort()),
      NODE_NAME: 'watching',
      DB_POOL_SIZE: '3',
    };
    node = localNode(env, { tableCheckMs: 100 });
    await node.start();
  };
  const found = async () => {
    const { status, body } = await get<Readiness>(`${node.url}/readiness`);
    return { status, reason: body.conditions.find(({ name }) => name === 'triggers')?.reason };
  };
  const untilFound = (pattern: RegExp) =>
    eventually(`the node finds ${pattern}`, async () => pattern.test((await found()).reason ?? ''));
  const untilOver = () => eventually('no trigger is disabled', async () => (await found()).reason === undefined);
  const said = () =>
    node.entries
      .filter((entry) => (entry as { condition?: string }).condition === 'triggers')
      .map(({ event, msg }) => `${event}: ${msg}`);
  const published = async () => {
    const { rows } = await dba.query<{ conditions: string | null }>('SELECT conditions FROM plantao.nodes');
    return rows[0]?.conditions ?? null;
  };

  it('names the tables with disabled triggers and the remedy, and says once that the triggers are enabled again', async () => {
    await untilActive(node);
    await dba.query('ALTER TABLE plantao.messages DISABLE TRIGGER ALL');
    await untilFound(/^triggers of plantao\.messages are disabled: .*ALTER TABLE plantao\.messages ENABLE TRIGGER ALL/);
    // It can still serve: a load balancer must not take out all nodes at once.
    expect((await found()).status).to.equal(200);
    await eventually('its row has it', async () => /plantao\.messages/.test((await published()) ?? ''));
    // A trigger for replication only does not fire here either.
    await dba.query('ALTER TABLE plantao.users ENABLE REPLICA TRIGGER log_renamed');
    await untilFound(/^triggers of plantao\.messages, plantao\.users are disabled/);
    await dba.query('ALTER TABLE plantao.messages ENABLE TRIGGER ALL');
    await untilFound(/^triggers of plantao\.users are disabled/);
    await dba.query('ALTER TABLE plantao.users ENABLE TRIGGER log_renamed');
    await untilOver();
    await eventually('its row no longer has it', async () => (await published()) === null);
    const [began, ended, ...more] = said();
    expect(began).to.match(/^condition_began: triggers of plantao\.messages are disabled/);
    expect(ended).to.match(/^condition_ended: all triggers are enabled/);
    expect(more).to.deep.equal([]);
  });

  it('names the first few tables in one sentence if triggers are disabled on all of them', async () => {
    const all = (what: string) =>
      dba.query(`DO $$ DECLARE t text; BEGIN
        FOR t IN SELECT DISTINCT tgrelid::regclass FROM pg_trigger JOIN pg_class c ON c.oid = tgrelid
                 WHERE relnamespace = 'plantao'::regnamespace LOOP EXECUTE format('ALTER TABLE %s ${what} TRIGGER ALL', t);
        END LOOP; END $$`);
    await all('DISABLE');
    await untilFound(/ and \d+ other tables are disabled/);
    expect((await found()).reason).to.have.length.below(1000);
    await all('ENABLE');
    await untilOver();
  });

  it('serves while a check fails, and finds disabled triggers with the next one', async () => {
    const blocker = new pg.Client({ connectionString: database.url });
    await blocker.connect();
    try {
      await blocker.query('BEGIN; LOCK TABLE pg_trigger IN ACCESS EXCLUSIVE MODE');
      await always('the node stays ready', async () => (await found()).status === 200, { forMs: 1000 });
    } finally {
      await blocker.query('ROLLBACK');
      await blocker.end();
    }
    await dba.query('ALTER TABLE plantao.memberships DISABLE TRIGGER ALL');
    await untilFound(/plantao\.memberships/);
  });

  it('names child tables and the remedy, and reads only its own event log', async () => {
    const childOf = async () => {
      const { body } = await get<Readiness>(`${node.url}/readiness`);
      return body.conditions.find(({ name }) => name === 'child_tables')?.reason ?? '';
    };
    await dba.query('CREATE SCHEMA dba; CREATE TABLE dba.archive () INHERITS (plantao.messages)');
    await eventually('the node finds the archive', async () =>
      /^the rows of dba\.archive are read .* ALTER TABLE dba\.archive NO INHERIT plantao\.messages$/.test(
        await childOf(),
      ),
    );
    await dba.query(`DROP TABLE dba.archive; CREATE TABLE dba.log () INHERITS (plantao.event_log);
      INSERT INTO dba.log SELECT * FROM ONLY plantao.event_log`);
    await eventually('the node finds the log', async () => /^the rows of dba\.log /.test(await childOf()));
    expect((await dba.query('SELECT FROM plantao.log_bounds')).rowCount).to.equal(1);
    await dba.query('ALTER TABLE dba.log NO INHERIT plantao.event_log');
    await eventually('no table inherits', async () => (await childOf()) === '');
  });

  it('names a sequence whose ids do not ascend, and the remedy', async () => {
    const idsOf = async () => {
      const { body } = await get<Readiness>(`${node.url}/readiness`);
      return body.conditions.find(({ name }) => name === 'message_ids')?.reason ?? '';
    };
    for (const option of ['CACHE 50', 'INCREMENT -1', 'CYCLE']) {
      await dba.query(`ALTER SEQUENCE plantao.messages_id_seq ${option}`);
      await eventually(`the node finds ${option}`, async () =>
        /^the sequence plantao\.messages_id_seq/.test(await idsOf()),
      );
      const [, remedy = ''] = /(ALTER SEQUENCE .*), then restart/.exec(await idsOf()) ?? [];
      await dba.query(remedy);
      await eventually('the node finds no problem', async () => (await idsOf()) === '');
    }
    // Only the order of messages is that of their ids.
    await dba.query('ALTER SEQUENCE plantao.users_id_seq CACHE 50; ALTER SEQUENCE plantao.messages_id_seq INCREMENT 2');
    await always('the node finds no problem', async () => (await idsOf()) === '', { forMs: 300 });
  });

  it('says once which triggers were disabled before it started', async () => {
    await node.stop();
    await start();
    await untilFound(/plantao\.memberships/);
    expect(node.entries.filter(({ msg }) => /^triggers of/.test(msg ?? ''))).to.have.length(1);
    await dba.query('ALTER TABLE plantao.memberships ENABLE TRIGGER ALL');
    await untilOver();
  });
});
