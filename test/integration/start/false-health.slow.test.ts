import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { FakePeer } from '../../support/nodes/fake-peer.ts';
import { isActive } from '../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../support/postgres/use-database.ts';

describe('A false health response', () => {
  const { database, sql: client } = useDatabase({ each: true });
  let liar: FakePeer;
  let nodes: LocalNode[];

  afterEach(async () => {
    for (const node of nodes) await node.stop();
    await liar.stop();
  });

  /** Starts two nodes, the first with IS_ACTIVE=true, that know each other through the database only and have the liar as PEER_URL. */
  const start = async (says: FakePeer['says']) => {
    liar = await FakePeer.start(says);
    nodes = [];
    for (const name of ['node-a', 'node-b']) {
      nodes.push(
        localNode({
          DATABASE_URL: database.url,
          PORT: String(await freePort()),
          NODE_NAME: name,
          IS_ACTIVE: String(name === 'node-a'),
          PEER_URL: liar.url,
          LEASE_MS: '600',
          DB_POOL_SIZE: '3',
        }),
      );
    }
    const { rows } = await client.query(
      'SELECT id AS cluster, (SELECT epoch FROM plantao.log_bounds) AS epoch FROM plantao.continue_epoch(), plantao.cluster',
    );
    liar.identity = rows[0];
    for (const node of nodes) await node.start();
    return nodes as [LocalNode, LocalNode];
  };
  /** Resolves when both have probed the liar several times more. */
  const untilProbed = async () => {
    const asked = liar.asked;
    await eventually('the nodes have probed the liar repeatedly', () => liar.asked > asked + 8, {
      within: 15_000,
    });
  };
  const holders = async () => {
    const { rows } = await client.query('SELECT application_name FROM plantao.lock_holder');
    return rows.map(({ application_name }) => application_name);
  };
  const terms = async () => Number((await client.query('SELECT count(*) FROM plantao.leader_terms')).rows[0].count);

  it('that claims to be active keeps no node from becoming active', async () => {
    const [first, second] = await start({ status: 'alive', active: true, node: 'liar', term: 1_000_000 });
    await eventually('the first is active all the same', () => isActive(first));
    await untilProbed();
    expect([await isActive(first), await isActive(second)]).to.deep.equal([true, false]);
    expect(await holders()).to.deep.equal(['plantao:node-a:lock']);
    await first.stop();
    await eventually('the second takes over from it', () => isActive(second), { every: 5 });
    expect(await terms()).to.equal(2);
  });

  it('in the name of the active node, denying that it is active, makes no other node active', async () => {
    const [first, second] = await start({ status: 'alive', active: false, node: 'node-a', term: 1 });
    await eventually('the first is active', () => isActive(first));
    await untilProbed();
    expect([await isActive(first), await isActive(second)]).to.deep.equal([true, false]);
    expect(await holders()).to.deep.equal(['plantao:node-a:lock']);
    expect(await terms(), 'no node was promoted without need').to.equal(1);
  });

  it('in the name of the active node, claiming that it is down, makes no other node active', async () => {
    const [first, second] = await start({ status: 'down', active: false, node: 'node-a', term: 1 });
    await eventually('the first is active', () => isActive(first));
    await untilProbed();
    expect([await isActive(first), await isActive(second)]).to.deep.equal([true, false]);
    expect(await terms()).to.equal(1);
  });

  it('that is not JSON, or that never arrives, does not count', async () => {
    const [first, second] = await start('<html>502 Bad Gateway</html>');
    await eventually('the first is active', () => isActive(first));
    await untilProbed();
    liar.says = null;
    await eventually('it is probed and does not respond', () => liar.asked > 0);
    expect([await isActive(first), await isActive(second)]).to.deep.equal([true, false]);
    expect(await terms()).to.equal(1);
  });

  it('does not make a node that is not in the database a target of a switchover', async () => {
    const [first] = await start({ status: 'alive', active: false, node: 'ghost', term: 1 });
    await eventually('the first is active', () => isActive(first));
    await untilProbed();
    const refusal = await client.query<{ said: string }>("SELECT plantao.switchover('ghost') AS said");
    expect(refusal.rows[0]?.said).to.equal('refused: ghost is not a running standby: see plantao.cluster_status');
    await untilProbed();
    await eventually('a real node is active', async () => (await holders()).length === 1);
    const active = await Promise.all(nodes.map(isActive));
    expect(active.filter(Boolean)).to.have.length(1);
  });
});
