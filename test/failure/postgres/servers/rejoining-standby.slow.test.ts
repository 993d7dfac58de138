import { expect } from 'chai';
import { startTcpProxy, type TcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, type JsonObject, post } from '../../../support/network/http.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';
import { Scene } from '../../scene.ts';

const LEASE_MS = 2500;
/** Opening a session takes six round trips: longer than a lease. A heartbeat takes one. */
const LATENCY_MS = 320;
/** One for each session that commits, and some that are about to end. */
const MAX_WAITING = 4;
const PATIENCE = { within: 40_000 };

describe('A synchronous standby that is frozen or restarted while posts flow', function () {
  this.timeout(120_000);
  let postgres: ReplicatedPostgres;
  /** Between the nodes and the primary. */
  let network: TcpProxy;
  let scene: Scene;

  before(async function () {
    const tools = await requireServerTools(this);
    postgres = await startReplicatedPostgres({ tools, synchronous: true });
    network = await startTcpProxy({ port: postgres.primary.port });
    const env = { DATABASE_URL: network.via(postgres.primary.url) };
    scene = await Scene.open({ databaseUrl: postgres.primary.url, leaseMs: LEASE_MS, env });
  });
  after(async () => {
    await scene?.close();
    await network?.close();
    await postgres?.remove();
  });

  const roleChanges = () =>
    scene.nodes.flatMap(({ entries }) => entries.filter(({ event }) => /^(promoted|demoted)$/.test(event ?? '')));
  const waiting = () =>
    scene.sql<{ pid: number }>(
      "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep' AND application_name LIKE 'plantao:%:writer'",
    );
  /** Resolves when commits of `many` sessions in a row have waited; there are never more than a few at a time. */
  const untilCommitsHaveWaited = async (many: number) => {
    const seen = new Set<number>();
    await eventually(
      `${many} sessions have waited for the standby`,
      async () => {
        const rows = await waiting();
        expect(rows).to.have.length.below(MAX_WAITING + 1);
        for (const { pid } of rows) seen.add(pid);
        return seen.size >= many;
      },
      { ...PATIENCE, every: 100 },
    );
  };
  const untilAccepted = () => {
    const since = performance.now();
    return eventually('a post is accepted', () => scene.meter.accepted(since).length > 0, PATIENCE);
  };

  it('does not cost the active node its role, even if each new session takes longer than a lease to open', async () => {
    const active = await scene.active();
    const before = roleChanges().length;
    network.setLatency(LATENCY_MS);
    await postgres.standby.freeze();
    try {
      await untilCommitsHaveWaited(3);
      expect((await get(`${active.url}/health`)).body).to.include({ active: true });
    } finally {
      await postgres.standby.thaw();
      network.setLatency(0);
    }
    await untilAccepted();
    expect(roleChanges().slice(before)).to.deep.equal([]);
  });

  it('gives senders a 503 that names the standby, until it has rejoined', async () => {
    const active = await scene.active();
    const before = roleChanges().length;
    await postgres.standby.stop();
    await untilCommitsHaveWaited(2);
    // On a busy machine, a post may also be refused because it waited too long for its turn.
    const isNamed = async () => {
      const { status, body } = await post<JsonObject>(`${active.url}/messages`, { ...scene.ids, content: 'waits' });
      expect(status).to.equal(503);
      return String(body.error).includes('waits for a synchronous standby');
    };
    await eventually('a 503 names the standby', isNamed, PATIENCE);
    await postgres.standby.start();
    await untilAccepted();
    expect(roleChanges().slice(before)).to.deep.equal([]);
  });

  it('lets posts continue, as durable as the primary alone, when synchronous_standby_names is emptied meanwhile', async () => {
    const active = await scene.active();
    const before = roleChanges().length;
    await postgres.standby.stop();
    await untilCommitsHaveWaited(1);
    await postgres.setSynchronous(false);
    await untilAccepted();
    const { status, body } = await post<JsonObject>(`${active.url}/messages`, { ...scene.ids, content: 'alone' });
    expect(status).to.equal(200);
    expect(body.durable).to.equal('local');
    expect(await waiting()).to.deep.equal([]);
    expect(roleChanges().slice(before)).to.deep.equal([]);
    await postgres.standby.start();
    await postgres.waitUntilStreaming(postgres.standby);
    await postgres.setSynchronous(true);
    await eventually('acknowledgements say replicated again', async () => {
      const response = await post<JsonObject>(`${active.url}/messages`, { ...scene.ids, content: 'with a standby' });
      return response.body.durable === 'replicated';
    });
  });
});
