import { expect } from 'chai';
import pg from 'pg';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { People, type Person } from '../../../support/network/people.ts';
import { type LocalNode, startTwoNodes, type TwoNodes } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

describe('A session that has locked the tables of the tokens, with AUTH=token', function () {
  this.timeout(60_000);
  const { database } = useDatabase();
  let nodes: TwoNodes;
  let dba: pg.Client;
  let ana: Person;
  let groupId: number;

  before(async () => {
    nodes = await startTwoNodes(database.url, { AUTH: 'token' });
    dba = new pg.Client({ connectionString: database.url, application_name: 'psql of Ana' });
    await dba.connect();
    const people = new People(dba);
    ana = await people.newUser();
    groupId = await people.group('locked', [ana]);
  });
  after(async () => {
    await dba?.end();
    await nodes?.stop();
  });

  const headers = () => ({ authorization: `Bearer ${ana.token}` });
  const send = () =>
    post(`${nodes.active.url}/messages`, { groupId, content: 'locked' }, { headers: headers(), deadline: 15_000 });
  const areReady = async () => {
    const found = await Promise.all([nodes.active, nodes.standby].map(({ url }) => get(`${url}/readiness`)));
    return found.every(({ status }) => status === 200);
  };

  for (const table of ['tokens', 'token_revocations']) {
    it(`is named in the log of each node, and its lock in /readiness: plantao.${table}`, async () => {
      const both = [nodes.active, nodes.standby];
      await dba.query(`BEGIN; LOCK TABLE plantao.${table}`);
      try {
        const sentence = new RegExp(`^psql of Ana .* blocks table ${table}\\. To end it: SELECT pg_terminate_backend`);
        const isNamed = (node: LocalNode) => node.entries.filter(({ msg }) => sentence.test(msg)).length === 1;
        await eventually('each log names it', () => both.every(isNamed), { within: 10_000 });
        const reasonsOf = async ({ url }: LocalNode) => {
          const { body } = await get<{ conditions: { name: string; reason: string }[] }>(`${url}/readiness`);
          return body.conditions.filter(({ name }) => name === 'event_log').map(({ reason }) => reason);
        };
        const reason = 'the event log cannot be read: another transaction holds a lock that is needed';
        for (const node of both)
          await eventually('its reason is true', async () => (await reasonsOf(node))[0] === reason, { within: 10_000 });
      } finally {
        await dba.query('ROLLBACK');
      }
      await eventually('both are ready', areReady, { within: 10_000 });
      expect((await send()).status).to.equal(200);
    });
  }

  it('is reported to clients, whose tokens cannot be looked up', async () => {
    await dba.query('BEGIN; LOCK TABLE plantao.tokens');
    try {
      await eventually('a post is refused', async () => (await send()).body.code === 'blocked', { within: 10_000 });
      const { body } = await get(`${nodes.standby.url}/chats`, { headers: headers(), deadline: 15_000 });
      expect(body.error).to.equal('another transaction holds a lock that this request needs: try again');
    } finally {
      await dba.query('ROLLBACK');
    }
    await eventually('both are ready', areReady, { within: 10_000 });
  });

  it('affects no one if it has locked only the table of identities, which only JWTs need', async () => {
    await dba.query('BEGIN; LOCK TABLE plantao.identities');
    try {
      await always('posts are stored', async () => (await send()).status === 200, { forMs: 2000 });
    } finally {
      await dba.query('ROLLBACK');
    }
  });
});
