import { expect } from 'chai';
import { ChatClient } from '../../../../src/client/index.ts';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { startTcpProxy, type TcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { get, post } from '../../../support/network/http.ts';
import { healthOf } from '../../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../../support/nodes/two-nodes.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';

const PATIENCE = { within: 30_000 };

describe('A standby of PostgreSQL that is promoted while the primary still runs', function () {
  this.timeout(90_000);
  let postgres: ReplicatedPostgres;
  const proxies: TcpProxy[] = [];
  const nodes: LocalNode[] = [];

  before(async function () {
    this.timeout(120_000);
    const tools = await requireServerTools(this);
    postgres = await startReplicatedPostgres({ tools });
    await seedData(postgres.primary.url);
    const ports = [await freePort(), await freePort()];
    for (const [index, port] of ports.entries()) {
      const proxy = await startTcpProxy({ port: postgres.primary.port });
      proxies.push(proxy);
      const node = localNode({
        DATABASE_URL: proxy.via(postgres.primary.url),
        PORT: String(port),
        NODE_NAME: `node-${'ab'[index]}`,
        IS_ACTIVE: String(index === 0),
        DB_POOL_SIZE: '3',
      });
      nodes.push(node);
      await node.start();
      if (index === 0) await eventually('it is active', async () => (await healthOf(node)).active === true, PATIENCE);
    }
    await eventually(
      'each knows the other',
      async () => {
        const all = await Promise.all(nodes.map((node) => healthOf(node)));
        return all.every(({ peers }) => (peers as { alive: boolean }[]).some(({ alive }) => alive));
      },
      PATIENCE,
    );
  });
  after(async function () {
    this.timeout(60_000);
    for (const node of nodes) await node.stop();
    for (const proxy of proxies) await proxy.close();
    await postgres?.remove();
  });

  it('makes two active nodes of one cluster id: an error in both logs, /metrics and /cluster; no node or client moves to the other', async () => {
    const [a, b] = nodes as [LocalNode, LocalNode];
    const client = new ChatClient({ urls: [a.url, b.url], deadlineMs: 3000 });
    await client.login('ana_orm');
    expect(client.clusterId).to.equal((await healthOf(a)).cluster);
    await postgres.waitUntilReplayed();
    const { port } = postgres.standby;
    await postgres.standby.promote();
    proxies[1]?.pointAt({ port });
    await eventually('both are active', async () => (await healthOf(a)).active && (await healthOf(b)).active, PATIENCE);
    // The node on the old primary begins another term too, so that both terms have the same number.
    await postgres.primary.query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    await eventually(
      'both are active in the same term',
      async () => {
        const [one, other] = [await healthOf(a), await healthOf(b)];
        return one.active && other.active && one.term === other.term;
      },
      PATIENCE,
    );
    for (const [node, other] of [
      [a, b],
      [b, a],
    ] as const) {
      const entry = await eventually(
        `${node.name} logs it`,
        () => node.entries.find(({ msg }) => msg.startsWith('two nodes are active with the cluster id ')),
        PATIENCE,
      );
      expect(entry.level).to.equal(50);
      expect(entry.msg).to.contain(`${other.name} (${other.url}) on another`);
      const { body } = await get(`${node.url}/cluster`);
      expect(body.rival).to.include({ node: other.name, url: other.url });
      expect(body.active_url).to.equal(node.url);
      expect((await get(`${node.url}/metrics`)).text).to.match(/^plantao_two_actives 1$/m);
      expect((await healthOf(node)).conditions).to.have.length(1);
    }
    // The client moves to the promoted server once, and never back to the other one.
    expect((await post(`${a.url}/fall`)).status).to.equal(200);
    await client.send(1, 'on the promoted server');
    await post(`${a.url}/revive`);
    await post(`${b.url}/fall`);
    const error = await client.send(1, 'nowhere').catch((thrown) => thrown);
    expect(error.message).to.match(new RegExp(`${a.url} is on a database in epoch \\w+, which the cluster has left`));
    await post(`${b.url}/revive`);
  });
});
