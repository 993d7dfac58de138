import { expect } from 'chai';
import { startTcpProxy, type TcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { healthOf, isActive } from '../../../support/nodes/health.ts';
import { NodeProcess } from '../../../support/nodes/node-process.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

/** Long, so that a node that only waits for its lease to expire fails the test. */
const LEASE_MS = 8000;

describe('An active node that does not learn that PostgreSQL ended its lock session (half-open connection)', function () {
  this.timeout(90_000);
  const { database, sql } = useDatabase();
  let proxy: TcpProxy;
  let nodes: NodeProcess[] = [];

  before(async () => {
    proxy = await startTcpProxy({ port: Number(new URL(database.url).port) });
    const ports = [await freePort(), await freePort()];
    nodes = ports.map(
      (port, index) =>
        new NodeProcess({
          databaseUrl: index === 0 ? proxy.via(database.url) : database.url,
          port,
          isActive: index === 0,
          peers: ports.filter((other) => other !== port).map((other) => `http://localhost:${other}`),
          env: { LEASE_MS: String(LEASE_MS) },
        }),
    );
    for (const node of nodes) await node.start();
  });
  after(async () => {
    proxy.heal();
    for (const node of [...nodes].reverse()) await node.stop();
    await proxy.close();
  });

  it('stops acting on its term as soon as it sees a peer active in a later one', async () => {
    const [first, second] = nodes;
    if (!first || !second) throw new Error('two nodes');
    await eventually('the first node is active and both see it', async () => {
      return (await isActive(first)) && (await healthOf(second)).active_node === first.name;
    });
    proxy.swallow('both');
    await sql.query('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder');
    await eventually('the second node is active', () => isActive(second), { within: 5000 });
    const promotedAt = performance.now();
    await eventually('the first node no longer says that it is active', async () => !(await isActive(first)), {
      within: LEASE_MS,
    });
    expect(performance.now() - promotedAt, 'ms until it noticed').to.be.below(LEASE_MS / 2);
  });
});
