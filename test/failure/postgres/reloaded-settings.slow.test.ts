import { expect } from 'chai';
import pg from 'pg';
import { SESSION_SETTINGS } from '../../../src/database/session/settings/session-settings.ts';
import { seedData } from '../../../src/local-cluster/demo-data.ts';
import { eventually } from '../../support/eventually.ts';
import { get, post } from '../../support/network/http.ts';
import { type NodeProcess, startNode } from '../../support/nodes/node-process.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../../support/postgres/own-postgres.ts';
import { unusualSettings } from '../../support/postgres/unusual-settings.ts';

/** So that the session of the test outlives the settings, and understands times. */
const OWN_SETTINGS = [
  'DateStyle=ISO',
  ...['idle_session', 'statement', 'lock', 'transaction'].map((one) => `${one}_timeout=0`),
]
  .map((one) => `-c ${one}`)
  .join(' ');
const MESSAGE = { userId: 1, groupId: 1, content: 'a message' };

/** A node that reads default_transaction_read_only from the configuration leaves the server to those that may write: not here. */
const isPinned = ({ name }: { name: string }) => name in SESSION_SETTINGS && name !== 'default_transaction_read_only';

describe('Settings of PostgreSQL that are reloaded while a node runs', function () {
  this.timeout(120_000);
  let postgres: OwnPostgres;
  let node: NodeProcess;
  let client: pg.Client;
  before(async () => {
    postgres = await startPostgresOfItsOwn();
    await seedData(postgres.url);
    node = await startNode({ databaseUrl: postgres.url, isActive: true });
    client = new pg.Client({ connectionString: postgres.url, options: OWN_SETTINGS });
    await client.connect();
    await eventually('the node is active', async () => (await post(`${node.url}/messages`, MESSAGE)).status === 200);
  });
  after(async () => {
    await client?.end();
    await node?.stop();
    await postgres?.remove();
  });
  afterEach(async () => {
    await client.query('ALTER SYSTEM RESET ALL');
    await reload();
  });

  /** Resolves when a session that was opened before has the new configuration. */
  async function reload(): Promise<void> {
    const loaded = async () => (await client.query<{ at: Date }>('SELECT pg_conf_load_time() AS at')).rows[0]?.at;
    const before = await loaded();
    await client.query('SELECT pg_reload_conf()');
    await eventually('the configuration is reloaded', async () => Number(await loaded()) > Number(before));
  }

  it('change no response', async () => {
    const messages = `${node.url}/messages?groupId=1&limit=1`;
    const round = (await unusualSettings(client))[0]?.filter(isPinned) ?? [];
    expect(round).to.have.length.above(25);
    for (const { name, value } of round) {
      await client.query(`ALTER SYSTEM SET ${name} = ${name === 'search_path' ? value : pg.escapeLiteral(value)}`);
    }
    await reload();
    for (let count = 0; count < 3; count++) {
      const { status, body } = await post(`${node.url}/messages`, MESSAGE);
      expect(status, JSON.stringify(body)).to.equal(200);
      const { body: page } = await get<{ messages: unknown[] }>(messages);
      expect(page.messages).to.deep.equal([
        { id: body.message_id, sender: 'ana_orm', sender_id: 1, content: 'a message', timestamp: body.timestamp },
      ]);
    }
    expect((await get(`${node.url}/readiness`)).status).to.equal(200);
    expect(node.events('demoted')).to.deep.equal([]);
  });

  it('let no write be acknowledged before it is on disk', async () => {
    await client.query('ALTER SYSTEM SET synchronous_commit = off');
    await reload();
    await client.query('BEGIN');
    await client.query('SELECT plantao.assert_term(max(term)) FROM plantao.leader_terms');
    const { rows } = await client.query('SHOW synchronous_commit');
    await client.query('ROLLBACK');
    expect(rows).to.deep.equal([{ synchronous_commit: 'on' }]);
  });

  it('let no write be stored that no trigger adds to the event log', async () => {
    await client.query('ALTER SYSTEM SET session_replication_role = replica');
    await reload();
    const asserted = client.query('SELECT plantao.assert_term(max(term)) FROM plantao.leader_terms');
    const error = await asserted.catch((caught) => caught);
    expect([error.code, error.message]).to.deep.equal([
      '09000',
      'session_replication_role is replica: triggers do not run, so nothing would be delivered',
    ]);
    // The sessions of this node have a setting of their own: its role may set it.
    expect((await post(`${node.url}/messages`, MESSAGE)).status).to.equal(200);
  });
});
