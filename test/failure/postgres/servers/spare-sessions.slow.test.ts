import { expect } from 'chai';
import { startTcpProxy, type TcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../../support/eventually.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import type { ReplicaServer } from '../../../support/postgres/replica-server.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';
import { Scene } from '../../scene.ts';

const PATIENCE = { within: 30_000 };

/** Sessions on which the first post after a failover depends, of both nodes. */
const SPARES = ['a:lock', 'a:log', 'a:writer', 'b:lock', 'b:log', 'b:writer'];

describe('Spare sessions with a standby of PostgreSQL', function () {
  this.timeout(120_000);
  let postgres: ReplicatedPostgres;
  let proxy: TcpProxy;
  let scene: Scene;

  before(async function () {
    const tools = await requireServerTools(this);
    postgres = await startReplicatedPostgres({ tools, synchronous: true });
    proxy = await startTcpProxy({ port: postgres.primary.port });
    const env = { DATABASE_URL: `${postgres.url}?target_session_attrs=read-write` };
    scene = await Scene.open({ databaseUrl: proxy.via(postgres.primary.url), everyMs: 20, env });
  });
  after(async () => {
    await scene?.close();
    await proxy?.close();
    await postgres?.remove();
  });

  /** The nodes' sessions with `server`, by node and purpose. */
  const sessionsAt = async (server: ReplicaServer) => {
    const rows = await server.query<{ name: string; pid: number }>(
      `SELECT substr(application_name, 14) AS name, pid FROM pg_stat_activity
       WHERE application_name LIKE 'plantao:node-%' AND application_name NOT LIKE '%:search' ORDER BY name`,
    );
    return new Map(rows.map(({ name, pid }) => [name, pid]));
  };
  const sparesAt = (server: ReplicaServer) =>
    eventually(
      'both nodes have their spare sessions with the standby',
      async () => {
        const sessions = await sessionsAt(server);
        expect([...sessions.keys()]).to.deep.equal(SPARES);
        return sessions;
      },
      PATIENCE,
    );

  it('can be warmed up on a server that is in recovery', async () => {
    await postgres.standby.query('SELECT plantao.warm_up_term(), plantao.warm_up_post()');
  });

  it('are closed when the primary is back', async () => {
    const { primary, standby } = postgres;
    await scene.broken(async () => {
      await primary.kill();
      await sparesAt(standby);
      await primary.start();
    });
    await eventually('no spare session is left', async () => (await sessionsAt(standby)).size === 0, PATIENCE);
  });

  it('stay open while no server is promoted, longer than the idle timeout of the lock session, and serve after the promotion', async () => {
    const next = postgres.standby;
    let spares = new Map<string, number>();
    await scene.broken(async () => {
      await postgres.primary.kill();
      spares = await sparesAt(next);
      const since = performance.now();
      await eventually('two leases have passed', () => performance.now() - since > 2 * scene.leaseMs);
      expect(await sessionsAt(next)).to.deep.equal(spares);
      await postgres.promote();
      proxy.pointAt({ port: next.port });
    });
    const active = await scene.active();
    const sessions = await sessionsAt(next);
    for (const purpose of ['lock', 'log', 'writer']) {
      const name = `${active.name.slice('node-'.length)}:${purpose}`;
      expect(sessions.get(name), name).to.equal(spares.get(name));
    }
  });
});
