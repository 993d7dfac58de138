import { expect } from 'chai';
import pg from 'pg';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, type JsonObject, post } from '../../../support/network/http.ts';
import { plantao } from '../../../support/nodes/command.ts';
import { startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const INSERT = "INSERT INTO plantao.messages (group_id, sender_id, content) VALUES (1, 1, 'left open')";

describe('An open transaction that blocks the nodes', function () {
  this.timeout(60_000);
  const { database, sql } = useDatabase();
  let nodes: TwoNodes;
  let psql: pg.Client;
  /** A user in no group. */
  let newcomer: number;

  before(async () => {
    await seedData(database.url);
    nodes = await startTwoNodes(database.url, { LEASE_MS: '1500' });
    psql = new pg.Client({ connectionString: database.url, application_name: 'psql of Ana' });
    psql.on('error', () => undefined);
    await psql.connect();
    const { rows } = await sql.query("INSERT INTO plantao.users (username) VALUES ('caio') RETURNING id::int");
    newcomer = rows[0].id;
  });
  afterEach(async () => {
    await psql.query('ROLLBACK');
  });
  after(async () => {
    await psql?.end();
    await nodes?.stop();
  });

  const entries = () => [...nodes.active.entries, ...nodes.standby.entries];
  const said = (sentence: RegExp) => entries().filter(({ msg }) => sentence.test(msg));
  const view = async () => (await sql.query('SELECT * FROM plantao.blocking')).rows;
  const write = (path: string, body: JsonObject) => post(`${nodes.active.url}${path}`, body, { deadline: 15_000 });
  const send = (content: string) => write('/messages', { userId: 1, groupId: 1, content });
  const pid = async () => (await psql.query('SELECT pg_backend_pid() AS pid')).rows[0].pid;

  it('is reported to the senders, and named once in the log with the statement that ends it, when it holds a new message', async () => {
    const own = await pid();
    await psql.query('BEGIN');
    await psql.query(INSERT);
    for (const content of ['one', 'two']) {
      const { status, body, headers } = await send(content);
      expect([status, body.code]).to.deep.equal([503, 'blocked']);
      expect(body.error).to.equal('another transaction holds the event log: nothing was stored, try again');
      expect(headers['retry-after']).to.equal('1');
    }
    const joined = await write('/group-users', { groupId: 1, userId: newcomer });
    expect([joined.status, joined.body.code], 'a change of memberships too').to.deep.equal([503, 'blocked']);
    const [row] = await view();
    expect(row).to.include({
      blocks: 'event log',
      pid: own,
      application_name: 'psql of Ana',
      state: 'idle in transaction',
    });
    expect(row.ended_by).to.equal(`SELECT pg_terminate_backend(${own})`);
    const sentence = new RegExp(
      `^psql of Ana \\(server process ${own}, role \\S+, from \\S+\\), idle in transaction since \\S+Z, blocks event log\\. To end it: SELECT pg_terminate_backend\\(${own}\\)$`,
    );
    expect(said(sentence)).to.have.length(1);
    await psql.query('ROLLBACK');
    expect((await send('three')).status).to.equal(200);
    await eventually(
      'the log says that it has ended',
      () => said(/^psql of Ana .* no longer blocks event log$/).length === 1,
    );
    expect(await view()).to.deep.equal([]);
  });

  it('is reported with the name of the table that it has locked', async () => {
    await psql.query('BEGIN');
    await psql.query('LOCK TABLE plantao.memberships IN SHARE MODE');
    const { status, body } = await write('/group-users', { groupId: 1, userId: newcomer });
    expect([status, body.code]).to.deep.equal([503, 'blocked']);
    expect(body.error).to.equal(
      'another transaction holds a lock that this request needs: nothing was stored, try again',
    );
    expect((await view())[0]).to.include({ blocks: 'table memberships', application_name: 'psql of Ana' });
    await eventually('it is named', () => said(/^psql of Ana .* blocks table memberships\. To end it/).length === 1);
  });

  it('is reported when a node waits for a row that it has locked', async () => {
    await psql.query('BEGIN');
    await psql.query('SELECT FROM plantao.groups WHERE id = 1 FOR UPDATE');
    // The post waits for 100 ms only, and the next ones are refused at once.
    for (const content of ['behind the row', 'still behind it'])
      expect((await send(content)).body.code).to.equal('blocked');
    expect((await view())[0]).to.include({ blocks: 'rows of groups', application_name: 'psql of Ana' });
    await eventually('it is named', () => said(/^psql of Ana .* blocks rows of groups\. To end it/).length === 1);
    await psql.query('ROLLBACK');
    await eventually(
      'the log says that it has ended',
      () => said(/^psql of Ana .* no longer blocks rows of groups$/).length === 1,
    );
  });

  it('is reported to a request that only reads, in a sentence that does not mention storing', async () => {
    await psql.query('BEGIN');
    await psql.query('LOCK TABLE plantao.messages');
    const { status, body } = await get(`${nodes.standby.url}/messages?groupId=1`, { deadline: 15_000 });
    expect([status, body.code]).to.deep.equal([503, 'blocked']);
    expect(body.error).to.equal('another transaction holds a lock that this request needs: try again');
  });

  it('is named in the log of each node when it has locked the rows of the nodes, which delays no post', async () => {
    await psql.query('BEGIN; LOCK TABLE plantao.nodes');
    const isNamed = ({ entries }: { entries: readonly { msg: string }[] }) =>
      entries.some(({ msg }) => /^psql of Ana .* blocks table nodes\. To end it/.test(msg));
    await eventually('each log names it', () => [nodes.active, nodes.standby].every(isNamed), { within: 20_000 });
    expect((await send('goes on')).status).to.equal(200);
  });

  it('is named by the view and by plantao status when it has locked the terms, which the command reads', async () => {
    await psql.query('BEGIN');
    await psql.query('LOCK TABLE plantao.leader_terms');
    const own = await pid();
    const named = `"psql of Ana" blocks next term: SELECT pg_terminate_backend(${own})`;
    const { exit, errors } = await plantao(['status', '--database', database.url]);
    expect(errors).to.equal(`another transaction holds a lock that this needs. ${named}\n`);
    expect(exit).to.equal(1);
  });

  it('prevents promotion while it locks the row of the term, and is named in the logs of both nodes', async () => {
    await psql.query('BEGIN');
    await psql.query('SELECT FROM plantao.leader_terms WHERE ended_at IS NULL FOR UPDATE');
    await sql.query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    await eventually(
      'each log names it',
      () =>
        [nodes.active, nodes.standby].every((node) =>
          node.entries.some(({ msg }) => /^psql of Ana .* blocks next term\. To end it/.test(msg)),
        ),
      { within: 20_000 },
    );
    // It shows a lock on a row while a candidate waits for it.
    const isShown = async () => (await view()).some(({ blocks }) => blocks === 'next term');
    await eventually('the view shows it', isShown, { within: 10_000 });
    const tried = said(/^cannot become active: another transaction blocks the new term$/);
    expect(tried.length).to.be.within(1, 4);
    await psql.query('ROLLBACK');
    await eventually('one is active again', async () => {
      const both = await Promise.all([nodes.active, nodes.standby].map(({ url }) => get(`${url}/health`)));
      return both.filter(({ body }) => body.active === true).length === 1;
    });
  });
});
