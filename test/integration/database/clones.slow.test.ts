import { expect } from 'chai';
import pg from 'pg';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { get, post } from '../../support/network/http.ts';
import { FakePeer } from '../../support/nodes/fake-peer.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { createDatabase, type TestDatabase } from '../../support/postgres/postgres.ts';
import { testServer, withDatabase } from '../../support/postgres/test-server.ts';

/** A node of the source database, as it was a second before the copy was made. */
const ROW = `
  INSERT INTO plantao.nodes (node, url, pid, version, role, term, started_at)
  VALUES ('node-a', $1, 1, 'x', 'active', 1, now())`;

describe('A node of a copied database', function () {
  this.timeout(60_000);
  let original: TestDatabase;
  let copy: string;
  let node: LocalNode | null = null;
  let peer: FakePeer;
  const clients: pg.Client[] = [];

  const connect = async (url: string) => {
    const client = new pg.Client({ connectionString: url });
    await client.connect();
    clients.push(client);
    return client;
  };
  const identity = async (client: pg.Client) => {
    const sql = 'SELECT id AS cluster, (SELECT epoch FROM plantao.log_bounds) AS epoch FROM plantao.cluster';
    return (await client.query<{ cluster: string; epoch: string }>(sql)).rows[0] ?? { cluster: '', epoch: '' };
  };

  beforeEach(async () => {
    original = await createDatabase();
    peer = await FakePeer.start({ status: 'alive', active: true, node: 'node-a', term: 1 });
    const client = await connect(original.url);
    await client.query('SELECT plantao.continue_epoch()');
    await client.query(ROW, [peer.url]);
    peer.identity = await identity(client);
    await client.end();
    const { admin, adminUrl } = await testServer();
    const name = `${original.name}_copy`;
    await admin(`CREATE DATABASE ${name} TEMPLATE ${original.name}`);
    copy = withDatabase(adminUrl, name);
  });
  afterEach(async () => {
    await node?.stop();
    node = null;
    await Promise.all(clients.splice(0).map((client) => client.end().catch(() => undefined)));
    await peer.stop();
    const { admin } = await testServer();
    await admin(`DROP DATABASE ${original.name}_copy WITH (FORCE)`);
    await original.drop();
  });

  /** Starts a standby: a foreign session holds the leader lock. */
  async function start(databaseUrl: string, peerUrl?: string): Promise<LocalNode> {
    const foreign = await connect(databaseUrl);
    await foreign.query('SELECT pg_advisory_lock(1347178068, 1)');
    node = localNode({
      DATABASE_URL: databaseUrl,
      PORT: String(await freePort()),
      NODE_NAME: 'node-b',
      IS_ACTIVE: 'false',
      DB_POOL_SIZE: '3',
      ...(peerUrl ? { PEER_URL: peerUrl } : {}),
    });
    await node.start();
    await eventually('its row is written twice', async () => {
      const { rows } = await foreign.query(
        "SELECT FROM plantao.nodes WHERE node = 'node-b' AND heartbeat_at > started_at + interval '2 seconds'",
      );
      return rows.length > 0;
    });
    return node;
  }
  const refusalOf = async (url: string) =>
    (await post(`${url}/messages`, { userId: 1, groupId: 1, content: 'Olá' })).body;

  it('never probes the nodes of the source, nor sends a client there', async () => {
    const { url } = await start(copy);
    expect(peer.asked).to.equal(0);
    expect(await refusalOf(url)).to.include({ code: 'not_active', active_url: null });
    const { body } = await get(`${url}/health`);
    expect(body.peers).to.deep.equal([]);
    expect(body.cluster, 'a copy has the same id').to.equal(peer.identity.cluster);
    expect(body.epoch, 'in another epoch, from its first node on').to.match(/^[0-9a-f]{12}$/);
    expect(body.epoch).to.not.equal(peer.identity.epoch);
  });

  it('ignores a source that PEER_URL names, and logs it once', async () => {
    const { url, entries } = await start(copy, peer.url);
    expect(peer.asked).to.be.above(0);
    expect(await refusalOf(url)).to.include({ code: 'not_active', active_url: null });
    const warnings = () =>
      entries.filter(({ msg }) => /serves a copy of this cluster's database and is not a peer/.test(msg));
    await eventually('it is logged', () => warnings().length > 0, { within: 15_000 });
    const { asked } = peer;
    await eventually('it was probed some more', () => peer.asked > asked + 4);
    expect(warnings()).to.have.length(1);
  });

  it('does not change a node of the source, which has its peers as before', async () => {
    const { url } = await start(original.url);
    await eventually('the peer is probed', () => peer.asked > 0);
    expect(await refusalOf(url)).to.include({ code: 'not_active', active_url: peer.url });
  });

  it('takes a row that came with a dump, or that is from before a restart, for no peer', async () => {
    const client = await connect(original.url);
    await client.query("UPDATE plantao.nodes SET history = '1/2/3', heartbeat_at = clock_timestamp()");
    const { url } = await start(original.url);
    expect(peer.asked).to.equal(0);
    expect((await get(`${url}/health`)).body.peers).to.deep.equal([]);
  });
});
