import { expect } from 'chai';
import { startTcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { always } from '../../../support/always.ts';
import { eventually } from '../../../support/eventually.ts';
import { freePort } from '../../../support/network/free-port.ts';
import { get, post } from '../../../support/network/http.ts';
import { healthOf } from '../../../support/nodes/health.ts';
import { type LocalNode, localNode } from '../../../support/nodes/two-nodes.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';

const LEASE_MS = 2000;

describe('Any number of nodes', () => {
  const { database, sql: psql } = useDatabase();
  const running: LocalNode[] = [];

  afterEach(async function () {
    this.timeout(30_000);
    for (const node of running.splice(0).reverse()) await node.stop();
    await psql.query('DELETE FROM plantao.nodes');
  });

  /** Starts a node without PEER_URL, on a free port. */
  const start = async (name: string, env: Record<string, string> = {}) => {
    const node = localNode({
      DATABASE_URL: database.url,
      PORT: '0',
      NODE_NAME: name,
      LEASE_MS: String(LEASE_MS),
      DB_POOL_SIZE: '2',
      ...env,
    });
    running.push(node);
    await node.start();
    return node;
  };
  /** Returns the active node once every node names it. */
  const theActive = () =>
    eventually(
      'every node names the same active node',
      async () => {
        const all = await Promise.all(running.map((node) => healthOf(node)));
        const active = running.filter((_, index) => all[index]?.active === true);
        const [first] = active;
        return active.length === 1 && all.every((one) => one.active_node === first?.name) && first;
      },
      { within: 15_000 },
    );
  const acquainted = () =>
    eventually(
      'each knows all the others',
      async () =>
        (await Promise.all(running.map((node) => healthOf(node)))).every(
          ({ peers }) => (peers as { alive: boolean }[]).filter(({ alive }) => alive).length === running.length - 1,
        ),
      { within: 15_000 },
    );
  const said = (node: LocalNode, text: RegExp) => node.entries.some(({ msg }) => text.test(msg));

  for (const count of [3, 5]) {
    it(`find each other through the database alone (${count}, no PEER_URL, PORT=0), and one becomes active`, async function () {
      this.timeout(60_000);
      await Promise.all(Array.from({ length: count }, (_, index) => start(`node-${index}`)));
      const first = await theActive();
      await acquainted();
      await first.stop();
      running.splice(running.indexOf(first), 1);
      expect(await theActive()).to.not.equal(first);
    });
  }

  it('hand over to the named node, by HTTP and by SQL, and the response names the new active node', async function () {
    this.timeout(60_000);
    await Promise.all(['node-a', 'node-b', 'node-c'].map((name) => start(name)));
    const first = await theActive();
    await acquainted();
    const target = running.find((node) => node !== first);
    if (!target) throw new Error('there is no other node');
    const answer = await post(`${first.url}/switchover`, { to: target.name });
    expect(answer.status).to.equal(200);
    expect(answer.body).to.include({ active_node: target.name, active_url: target.url });
    expect(await theActive()).to.equal(target);
    const { rows } = await psql.query('SELECT plantao.switchover($1) AS answer', [first.name]);
    expect(rows[0]?.answer).to.equal(`asked ${target.name} to hand over to ${first.name}`);
    await eventually('it was handed over', async () => (await healthOf(first)).active, { within: 15_000 });
    expect(await theActive()).to.equal(first);
  });

  it('refuse a switchover that cannot succeed, with the reason', async function () {
    this.timeout(60_000);
    const alone = await start('node-a');
    await theActive();
    const refused = async (to?: string) => (await post(`${alone.url}/switchover`, to ? { to } : {})).body.code;
    expect(await refused()).to.equal('no_standby');
    expect(await refused('node-a')).to.equal('already_active');
    expect(await refused('nobody')).to.equal('unknown_node');
    const { rows } = await psql.query("SELECT plantao.switchover('nobody') AS answer");
    expect(rows[0]?.answer).to.equal('refused: nobody is not a running standby: see plantao.cluster_status');
  });

  it('hand the active role back to the preferred node, and two preferred nodes leave it where it is', async function () {
    this.timeout(60_000);
    await start('node-a');
    await theActive();
    const preferred = await start('node-b', { PREFERRED: 'true', IS_ACTIVE: 'false' });
    await eventually('the preferred node is active', async () => (await healthOf(preferred)).active, {
      within: 15_000,
    });
    expect(said(preferred, /^active for term \d+: it was named as successor$/)).to.equal(true);
    const other = await start('node-c', { PREFERRED: 'true', IS_ACTIVE: 'false' });
    await theActive();
    await always('the role does not move', async () => (await healthOf(preferred)).active, { forMs: 4 * LEASE_MS });
    expect(said(other, /requested the active role back/)).to.equal(false);
  });

  it('with the same name log an error', async function () {
    this.timeout(60_000);
    const [one, other] = [await start('node-a'), await start('node-a')];
    const sentence =
      /^another node is also named node-a \(process \d+, http:\S+\): give each node a NODE_NAME of its own$/;
    await eventually('one of them logs it', () => said(one, sentence) || said(other, sentence), { within: 10_000 });
    const active = await Promise.all([healthOf(one), healthOf(other)]);
    expect(active.filter((each) => each.active === true)).to.have.length.below(2);
  });

  it('that are cut off from each other, but not from PostgreSQL, keep their roles and still name the active node', async function () {
    this.timeout(60_000);
    const ports = [await freePort(), await freePort()];
    const proxies = await Promise.all(ports.map((port) => startTcpProxy({ port })));
    try {
      const urls = proxies.map(({ port }) => `http://127.0.0.1:${port}`);
      const env = (own: number) => ({
        PORT: String(ports[own]),
        NODE_URL: urls[own] ?? '',
        PEER_URL: urls[1 - own] ?? '',
      });
      const [a, b] = [await start('node-a', env(0)), await start('node-b', env(1))];
      const direct = async (own: number) => (await get(`http://127.0.0.1:${ports[own]}/health`)).body;
      await eventually(
        'both know the active node',
        async () => (await direct(0)).active && (await direct(1)).active_node === 'node-a',
      );
      const { term } = await direct(0);
      for (const proxy of proxies) proxy.swallow();
      let known = 0;
      const stays = async () => {
        const [own, other] = [await direct(0), await direct(1)];
        if (other.active_node === 'node-a') known++;
        return own.active && own.term === term && !other.active;
      };
      await always('node-a is the active node', stays, { forMs: 3 * LEASE_MS, every: 50 });
      expect(known, 'named by the standby, from the table').to.be.above(0);
      for (const node of [a, b]) expect(node.entries.filter(({ event }) => event === 'demoted')).to.deep.equal([]);
      for (const proxy of proxies) proxy.heal();
    } finally {
      for (const node of running.splice(0).reverse()) await node.stop();
      for (const proxy of proxies) await proxy.close();
    }
  });
});
