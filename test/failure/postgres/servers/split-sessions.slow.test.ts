import { expect } from 'chai';
import { seedData } from '../../../../src/local-cluster/demo-data.ts';
import { startTcpProxy, type TcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { get, post } from '../../../support/network/http.ts';
import { healthOf, untilActive } from '../../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../../support/nodes/two-nodes.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import type { ReplicaServer } from '../../../support/postgres/replica-server.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';

const PATIENCE = { within: 30_000 };

describe('An active node whose lock session stays with a former primary that still runs', function () {
  this.timeout(90_000);
  let postgres: ReplicatedPostgres;
  let former: ReplicaServer;
  let promoted: ReplicaServer;
  let proxies: TcpProxy[] = [];
  let nodes: LocalNode[] = [];

  beforeEach(async function () {
    this.timeout(120_000);
    const tools = await requireServerTools(this);
    postgres = await startReplicatedPostgres({ tools });
    [former, promoted] = [postgres.primary, postgres.standby];
    await seedData(former.url);
  });
  afterEach(async function () {
    this.timeout(60_000);
    for (const node of nodes) await node.stop();
    for (const proxy of proxies) await proxy.close();
    [nodes, proxies] = [[], []];
    await postgres?.remove();
  });

  const send = (node: LocalNode, content: string) => post(`${node.url}/messages`, { userId: 1, groupId: 1, content });

  async function proxyTo(server: ReplicaServer): Promise<TcpProxy> {
    const proxy = await startTcpProxy({ port: server.port });
    proxies.push(proxy);
    return proxy;
  }

  async function startNode(name: string, databaseUrl: string, env: Record<string, string> = {}): Promise<LocalNode> {
    const port = String(await freePort());
    const node = localNode({ DATABASE_URL: databaseUrl, PORT: port, NODE_NAME: name, DB_POOL_SIZE: '3', ...env });
    nodes.push(node);
    await node.start();
    await untilActive(node, PATIENCE);
    return node;
  }

  async function promote(): Promise<void> {
    await postgres.waitUntilReplayed();
    await promoted.promote();
  }

  /** Ends the node's sessions on the former primary, except that of the lock. */
  const endOtherSessions = (node: LocalNode) =>
    former.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
       WHERE starts_with(application_name, $1) AND NOT application_name LIKE '%:lock'`,
      [`plantao:${node.name}:`],
    );

  const untilGone = (node: LocalNode) =>
    eventually(
      `${node.name} has left the former primary`,
      async () => {
        const sql = 'SELECT FROM pg_stat_activity WHERE starts_with(application_name, $1)';
        return (await former.query(sql, [`plantao:${node.name}:`])).length === 0;
      },
      PATIENCE,
    );

  it('resigns when each write is refused: the address leads to a new primary with another active node', async () => {
    const proxy = await proxyTo(former);
    const node = await startNode('node-a', proxy.via(former.url), { LEASE_MS: '6000' });
    await promote();
    const other = await startNode('node-b', promoted.url);
    proxy.redirect({ port: promoted.port });
    await endOtherSessions(node);
    await untilGone(node);
    await eventually('it follows', async () => (await healthOf(node)).active_node === other.name, PATIENCE);
    const entry = node.entries.find(({ msg }) => msg.startsWith('resigned: the session that holds the leader lock'));
    expect(entry?.msg).to.contain('different PostgreSQL servers');
    await other.stop();
    await eventually('it is active on the new primary', async () => (await healthOf(node)).active === true, PATIENCE);
    await eventually('it stores a message', async () => (await send(node, 'here')).status === 200, PATIENCE);
    expect(await promoted.query("SELECT FROM plantao.messages WHERE content = 'here'")).to.have.length(1);
  });

  it('takes the lock on the new primary although no write is refused, and receives the events that it stores', async () => {
    const proxy = await proxyTo(former);
    const node = await startNode('node-a', proxy.via(former.url));
    await promote();
    proxy.redirect({ port: promoted.port });
    // Its log stays with the former primary, so that it would not receive the events that it stores.
    await former.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'plantao:node-a:writer'`,
    );
    await untilGone(node);
    const holder = async () => (await promoted.query('SELECT FROM plantao.lock_holder')).length === 1;
    await eventually('it holds the lock on the new primary', holder, PATIENCE);
    const stored = await eventually(
      'it stores a message',
      async () => {
        const sent = await send(node, 'stored');
        return sent.status === 200 && sent.body;
      },
      PATIENCE,
    );
    expect((await send(node, 'heard')).status).to.equal(200);
    const { body } = await get<{ events: unknown[] }>(
      `${node.url}/subscribe/status?groupId=1&userId=1&timeout=20&cursor=${stored.cursor}`,
    );
    expect(JSON.stringify(body.events)).to.contain('heard');
  });

  it('follows its other sessions where DATABASE_URL lists both servers', async () => {
    const [first, second] = [await proxyTo(former), await proxyTo(promoted)];
    const hosts = `127.0.0.1:${first.port},127.0.0.1:${second.port}`;
    const node = await startNode('node-a', former.url.replace(/@[^/]*/, `@${hosts}`));
    await promote();
    // Its open sessions go on; a new one is possible only to the new primary.
    first.redirect({ port: await freePort() });
    await endOtherSessions(node);
    await untilGone(node);
    await eventually('it stores a message', async () => (await send(node, 'here')).status === 200, PATIENCE);
    expect(await promoted.query("SELECT FROM plantao.messages WHERE content = 'here'")).to.have.length(1);
    expect(await promoted.query('SELECT FROM plantao.lock_holder')).to.have.length(1);
  });

  it('shows in /readiness that its pool leads elsewhere, and stays active', async () => {
    const proxy = await proxyTo(former);
    const node = await startNode('node-a', proxy.via(former.url), { DATABASE_DIRECT_URL: former.url });
    await promote();
    proxy.redirect({ port: promoted.port });
    await former.query(
      `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('plantao:node-a:pool', 'plantao:node-a:log')`,
    );
    const readiness = () => get<{ conditions: { name: string; reason: string }[] }>(`${node.url}/readiness`);
    await eventually('it is not ready', async () => (await readiness()).status === 503, PATIENCE);
    const { body } = await readiness();
    expect(body.conditions.map(({ reason }) => reason).join()).to.contain('lead to different PostgreSQL servers');
    expect((await send(node, 'stored')).status).to.equal(200);
    proxy.pointAt({ port: former.port });
    await eventually('it is ready again', async () => (await readiness()).status === 200, PATIENCE);
    expect(node.entries.some(({ msg }) => msg.startsWith('resigned'))).to.equal(false);
  });
});
