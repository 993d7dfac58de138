import { expect } from 'chai';
import pg from 'pg';
import { startTcpProxy, type TcpProxy } from '../../src/prove/rig/tcp-proxy.ts';
import { always } from '../support/always.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get, post } from '../support/network/http.ts';
import { type LogEntry, NodeProcess, startNode } from '../support/nodes/node-process.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';
import { createDatabase } from '../support/postgres/postgres.ts';
import { Scene } from './scene.ts';

/** Long enough for heartbeats with a round trip of half a second, and for late ones on a busy machine. */
const LEASE_MS = 2500;
const SLACK_MS = 4000;

/** A node's connections to PostgreSQL: those of its pool, which may go through a pooler, and those of all other sessions. */
interface Proxies {
  pool: TcpProxy;
  direct: TcpProxy;
}

describe('A network fault between a node and PostgreSQL', () => {
  let postgres: OwnPostgres;
  let scene: Scene;
  let proxies: Proxies[];

  before(async function () {
    this.timeout(120_000);
    postgres = await startPostgresOfItsOwn();
    const proxy = () => startTcpProxy({ port: postgres.port });
    proxies = [
      { pool: await proxy(), direct: await proxy() },
      { pool: await proxy(), direct: await proxy() },
    ];
    scene = await Scene.open({
      databaseUrl: postgres.url,
      leaseMs: LEASE_MS,
      envOf: (index) => ({
        DATABASE_URL: proxies[index]?.pool.via(postgres.url) ?? '',
        DATABASE_DIRECT_URL: proxies[index]?.direct.via(postgres.url) ?? '',
      }),
    });
  });
  beforeEach(async () => scene.untilSettled());
  after(async function () {
    this.timeout(60_000);
    await scene.close();
    for (const { pool, direct } of proxies) await Promise.all([pool.close(), direct.close()]);
    await postgres.remove();
  });

  const proxiesOf = (node: NodeProcess): Proxies => {
    const own = proxies[scene.nodes.indexOf(node)];
    if (!own) throw new Error(`${node.name} has no proxies`);
    return own;
  };
  const heal = ({ pool, direct }: Proxies) => {
    pool.heal();
    direct.heal();
  };

  it('promotes the standby after the lease when all connections of the active node are half-open', async function () {
    this.timeout(60_000);
    const active = await scene.active();
    const { pool, direct } = proxiesOf(active);
    const { gap } = await scene.broken(
      () => {
        pool.swallow();
        direct.swallow();
      },
      { mend: () => heal({ pool, direct }) },
    );
    expect(gap.ms).to.be.within(LEASE_MS / 2, LEASE_MS + SLACK_MS);
    expect(await scene.active()).to.not.equal(active);
  });

  it('promotes the standby when only the lock session is half-open', async function () {
    this.timeout(60_000);
    const active = await scene.active();
    const { direct } = proxiesOf(active);
    const { gap } = await scene.broken(() => direct.swallow('both', { applicationName: ':lock' }), {
      mend: () => direct.heal(),
    });
    expect(gap.ms).to.be.below(LEASE_MS + SLACK_MS);
  });

  it('makes the active node hand over when only its write session is half-open', async function () {
    this.timeout(60_000);
    const active = await scene.active();
    const { direct } = proxiesOf(active);
    const { logOf } = await scene.broken(() => direct.swallow('both', { applicationName: ':writer' }), {
      mend: () => direct.heal(),
    });
    expect(logOf(active).map(({ msg }) => msg)).to.include('resigned: cannot reach the database to write');
  });

  it('lets posts continue when only the pooled connections are cut, and refuses requests that need them', async function () {
    this.timeout(60_000);
    const active = await scene.active();
    const { pool } = proxiesOf(active);
    await scene.broken(
      async () => {
        pool.cut();
        const { status } = await post(`${active.url}/user/1/groups`, { groups: ['x'] }, { deadline: 15_000 });
        expect(status).to.equal(503);
      },
      { keepsTerm: true, mend: () => pool.heal() },
    );
    expect(await scene.active()).to.equal(active);
  });

  it('promotes the standby when the active node loses PostgreSQL but not its peer', async function () {
    this.timeout(60_000);
    const active = await scene.active();
    const { pool, direct } = proxiesOf(active);
    const { gap } = await scene.broken(
      () => {
        pool.cut();
        direct.cut();
      },
      { mend: () => heal({ pool, direct }) },
    );
    expect(gap.ms).to.be.below(LEASE_MS + SLACK_MS);
    expect(await scene.active()).to.not.equal(active);
  });

  it('changes no role when it delays every round trip by half a second', async function () {
    this.timeout(60_000);
    const active = await scene.active();
    await scene.broken(
      async () => {
        for (const { pool, direct } of proxies) {
          pool.setLatency(250);
          direct.setLatency(250);
        }
        const isActive = async () => (await scene.health(active))?.active;
        await always('the node stays active', isActive, { forMs: 3 * LEASE_MS });
      },
      {
        keepsTerm: true,
        mend: () => {
          for (const own of proxies) heal(own);
        },
      },
    );
    expect(await scene.active()).to.equal(active);
  });
});

describe('SIGTERM while PostgreSQL does not respond', () => {
  it('stops the node gracefully and within its deadline', async function () {
    this.timeout(60_000);
    const database = await createDatabase();
    const proxy = await startTcpProxy({ port: Number(new URL(database.url).port) });
    let node: NodeProcess | null = null;
    try {
      node = await startNode({ databaseUrl: proxy.via(database.url), env: { LEASE_MS: '5000', AUTH: 'token' } });
      await node.untilLogged('that it is active', ({ event }) => event === 'promoted');
      proxy.swallow();
      // A reader waits for a response that never comes, and a sender for a connection.
      const asked = Promise.allSettled([
        get(`${node.url}/cluster`),
        post(`${node.url}/register`, { username: 'ana', password: 'correct horse' }),
      ]);
      await eventually('they are on their way', () => proxy.swallowedBytes > 0);
      const stoppedAt = performance.now();
      node.kill('SIGTERM');
      expect(await node.waitForExit()).to.deep.equal({ code: 0, signal: null });
      expect(performance.now() - stoppedAt).to.be.below(8500);
      await asked;
    } finally {
      node?.kill();
      await proxy.close();
      await database.drop();
    }
  });
});

describe('SIGTERM while a node starts', () => {
  it('ends the wait for the migrations of another node, with code 0', async function () {
    this.timeout(60_000);
    const database = await createDatabase({ empty: true });
    const other = new pg.Client({ connectionString: database.url, application_name: 'plantao:-:migrate' });
    await other.connect();
    await other.query('SELECT pg_advisory_lock(1347178068, 4)');
    const node = new NodeProcess({ databaseUrl: database.url, port: await freePort() });
    try {
      node.spawn();
      const waits = ({ msg }: LogEntry) => String(msg).startsWith('waiting for');
      await node.untilLogged('that it waits', waits, { within: 30_000 });
      const stoppedAt = performance.now();
      node.kill('SIGTERM');
      expect(await node.waitForExit()).to.deep.equal({ code: 0, signal: null });
      expect(performance.now() - stoppedAt).to.be.below(5000);
      expect(node.lines.join('\n')).to.not.include('cannot start');
    } finally {
      node.kill();
      await other.end();
      await database.drop();
    }
  });
});
