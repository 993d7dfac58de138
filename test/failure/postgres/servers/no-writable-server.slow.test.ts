import { once } from 'node:events';
import { createServer, type Socket, type Server as TcpServer } from 'node:net';
import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { get, type JsonObject, post } from '../../../support/network/http.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';
import { Scene } from '../../scene.ts';

const PATIENCE = { within: 30_000 };

describe('A cluster whose URL names servers of which none accepts writes', function () {
  this.timeout(120_000);
  let postgres: ReplicatedPostgres;
  let scene: Scene;
  /** Accepts connections and never answers. */
  let silent: TcpServer;
  const sockets: Socket[] = [];

  before(async function () {
    const tools = await requireServerTools(this);
    silent = createServer((socket) => void sockets.push(socket.on('error', () => undefined)));
    silent.listen(0, '127.0.0.1');
    await once(silent, 'listening');
    postgres = await startReplicatedPostgres({ tools });
    const { port } = silent.address() as { port: number };
    const [login, rest] = postgres.primary.url.split('@');
    const hosts = [
      'nowhere.invalid:5432',
      `127.0.0.1:${port}`,
      ...postgres.servers.map(({ port }) => `127.0.0.1:${port}`),
    ];
    const env = { DATABASE_URL: `${login}@${hosts.join(',')}/${rest?.split('/')[1]}` };
    scene = await Scene.open({ databaseUrl: postgres.primary.url, leaseMs: 2000, env });
  });
  after(async () => {
    await scene?.close();
    await postgres?.remove();
    silent?.close();
    for (const socket of sockets) socket.destroy();
  });

  /** Every node refuses posts, names the reason where operators look, and stays alive. */
  const untilRefused = async (reason: RegExp) => {
    for (const node of scene.nodes) {
      await eventually(
        `${node.name} has no role and says why`,
        async () => {
          const health = await get<JsonObject>(`${node.url}/health`);
          const readiness = await get<JsonObject>(`${node.url}/readiness`);
          expect(health.body).to.include({ active: false, active_node: null });
          expect(readiness.status).to.equal(503);
          expect(JSON.stringify(readiness.body.conditions)).to.match(/cannot be promoted|cannot be read/);
          expect(node.entries.map(({ msg }) => msg).join('\n')).to.match(reason);
          return true;
        },
        PATIENCE,
      );
      const { status, body } = await post<JsonObject>(`${node.url}/messages`, { ...scene.ids, content: 'nowhere' });
      expect([status, body.code]).to.deep.equal([503, 'not_active']);
    }
  };

  it('says that the only server left is in recovery, then that none is left, and recovers by itself', async () => {
    await postgres.primary.kill();
    const { port } = postgres.standby;
    await untilRefused(
      new RegExp(`no server accepts writes: .*127\\.0\\.0\\.1:${port} is a standby \\(in recovery\\)`),
    );
    await postgres.standby.kill();
    await untilRefused(/no server accepts writes/);
    const since = performance.now();
    await Promise.all([postgres.primary.start(), postgres.standby.start()]);
    await eventually('a post is accepted', () => scene.meter.accepted(since).length > 0, PATIENCE);
    await scene.untilSettled(PATIENCE.within);
  });
});
