import { expect } from 'chai';
import { startTcpProxy, type TcpProxy } from '../../../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../../../support/eventually.ts';
import { get, post } from '../../../support/network/http.ts';
import { plantao } from '../../../support/nodes/command.ts';
import type { NodeProcess } from '../../../support/nodes/node-process.ts';
import { type ReplicatedPostgres, startReplicatedPostgres } from '../../../support/postgres/replica.ts';
import { requireServerTools } from '../../../support/postgres/replica-tools.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { Scene } from '../../scene.ts';

interface Ended {
  node: string;
  end_cause: string | null;
  asked_by: string | null;
}

/** Waits until the newest ended term has the given cause, and returns it. */
const endedBy = (scene: Scene, cause: string) =>
  eventually(
    `the last term ended by ${cause}`,
    async () => {
      const sql =
        'SELECT node, end_cause, asked_by FROM plantao.leader_history WHERE ended_at IS NOT NULL ORDER BY term DESC LIMIT 1';
      const [last] = await scene.sql<Ended & Record<string, unknown>>(sql);
      return last?.end_cause === cause && last;
    },
    { within: 10_000 },
  );

describe('The cause in plantao.leader_history', function () {
  this.timeout(60_000);
  const { database, sql } = useDatabase();
  let scene: Scene;

  before(async () => {
    scene = await Scene.open({ databaseUrl: database.url, leaseMs: 1000 });
  });
  after(async () => {
    await scene?.close();
  });

  const startAgain = async (node: NodeProcess) => {
    await node.start();
    await scene.untilSettled();
  };

  it('names a switchover with its requester, by SQL and by HTTP, also in /cluster', async () => {
    await scene.broken(() => scene.sql('SELECT plantao.switchover()'));
    expect((await endedBy(scene, 'switchover')).asked_by).to.equal(new URL(database.url).username);
    const active = await scene.active();
    await scene.broken(() => post(`${active.url}/switchover`, {}));
    expect((await endedBy(scene, 'switchover')).asked_by).to.match(
      /^HTTP client (::ffff:)?127\.0\.0\.1$|^HTTP client ::1$/,
    );
    const { history } = (await get(`${active.url}/cluster`)).body as { history: Ended[] };
    expect(history[1]).to.include({ node: active.name, end_cause: 'switchover' });
    expect(history[1]?.asked_by).to.match(/^HTTP client /);
  });

  it('shows in switchover_history who requested each, how and from where', async () => {
    const role = new URL(database.url).username;
    await scene.broken(() => scene.sql('SELECT plantao.switchover()'));
    await scene.broken(() => plantao(['switchover', '--database', database.url]));
    const active = await scene.active();
    await scene.broken(() => post(`${active.url}/switchover`, {}));
    const rows = await scene.sql(
      `SELECT asked_via, asked_by, asked_from, asked_at <= at AND at > now() - interval '10 minutes' AS is_dated,
              node <> successor AS is_other, gap BETWEEN '0' AND '1 minute' AS has_gap
       FROM plantao.switchover_history LIMIT 3`,
    );
    const [http, ...others] = rows;
    const done = { is_dated: true, is_other: true, has_gap: true };
    expect(http).to.include({ asked_via: 'HTTP', ...done });
    expect(http?.asked_from).to.match(/^(::ffff:)?127\.0\.0\.1$|^::1$/);
    expect(others).to.deep.equal([
      { asked_via: 'command line', asked_by: role, asked_from: '127.0.0.1', ...done },
      { asked_via: 'SQL', asked_by: role, asked_from: '127.0.0.1', ...done },
    ]);
  });

  it("distinguishes a DBA's pg_terminate_backend from a term closed in SQL", async () => {
    await scene.broken(() => scene.sql('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder'));
    await endedBy(scene, 'terminated');
    await scene.broken(() =>
      scene.sql('UPDATE plantao.leader_terms SET ended_at = clock_timestamp() WHERE ended_at IS NULL'),
    );
    await endedBy(scene, 'lock_released');
  });

  it('distinguishes a killed node from one that froze until its lease expired', async () => {
    const killed = await scene.active();
    await scene.broken(() => killed.kill('SIGKILL'), { mend: () => startAgain(killed) });
    expect((await endedBy(scene, 'node_crash')).node).to.equal(killed.name);
    const frozen = await scene.active();
    await scene.broken(() => frozen.kill('SIGSTOP'), { mend: () => frozen.kill('SIGCONT') });
    expect((await endedBy(scene, 'lease_expired')).node).to.equal(frozen.name);
  });

  it('distinguishes a lock on plantao.leader_terms from a lost connection', async () => {
    const active = await scene.active();
    const since = active.entries.length;
    await scene.broken(async () => {
      await sql.query('BEGIN; LOCK TABLE plantao.leader_terms IN ACCESS EXCLUSIVE MODE');
      await active.untilLogged('the loss', ({ msg }) => /lost the leader lock/.test(msg), { since, within: 20_000 });
      await sql.query('ROLLBACK');
    });
    expect((await endedBy(scene, 'blocked')).node).to.equal(active.name);
  });

  it('distinguishes /fall from a stop', async () => {
    const fallen = await scene.active();
    await scene.broken(() => post(`${fallen.url}/fall`), { mend: () => post(`${fallen.url}/revive`) });
    await endedBy(scene, 'fall');
    const stopped = await scene.active();
    await scene.broken(() => stopped.stop(), { mend: () => startAgain(stopped) });
    await endedBy(scene, 'stop');
  });
});

describe('A replicated PostgreSQL', function () {
  this.timeout(60_000);
  let postgres: ReplicatedPostgres;
  let proxy: TcpProxy;
  let scene: Scene;

  before(async function () {
    this.timeout(120_000);
    const tools = await requireServerTools(this);
    postgres = await startReplicatedPostgres({ tools });
    proxy = await startTcpProxy({ port: postgres.primary.port });
    scene = await Scene.open({ databaseUrl: proxy.via(postgres.primary.url), everyMs: 20 });
  });
  after(async function () {
    this.timeout(60_000);
    await scene?.close().catch(() => undefined); // Messages are lost here on purpose.
    await proxy?.close();
    await postgres?.remove();
  });

  it('leaves the causes restart and crash in the history', async () => {
    await scene.broken(async () => {
      await postgres.primary.stop();
      await postgres.primary.start();
    });
    await endedBy(scene, 'restart');
    await scene.broken(async () => {
      await postgres.primary.kill();
      await postgres.primary.start();
    });
    await endedBy(scene, 'crash');
  });

  it('that does not reply leaves the cause no_reply', async () => {
    const active = await scene.active();
    const since = active.entries.length;
    await scene.broken(async () => {
      await postgres.primary.freeze();
      const said = ({ msg }: { msg: string }) => /lost the leader lock: no reply/.test(msg);
      await active.untilLogged('the loss', said, { since, within: 20_000 }).finally(() => postgres.primary.thaw());
    });
    expect((await endedBy(scene, 'no_reply')).node).to.equal(active.name);
  });

  it('that is a standby makes no node active: the log says so, and reads go on', async () => {
    const logged = scene.nodes.map((node) => node.entries.length);
    proxy.pointAt({ port: postgres.standby.port });
    const saysStandby = ({ msg }: { msg: string }) => /connected to a standby/.test(msg);
    for (const [index, node] of scene.nodes.entries()) {
      await node.untilLogged('that it is connected to a standby', saysStandby, {
        since: logged[index] ?? 0,
        within: 20_000,
      });
    }
    for (const node of scene.nodes) {
      expect((await scene.health(node))?.active, node.name).to.equal(false);
      const page = `${node.url}/messages?groupId=${scene.ids.groupId}&limit=1`;
      await eventually('a read is served', async () => (await get(page)).status === 200, { within: 10_000 });
      expect((await scene.post(node)).status).to.equal(503);
    }
    proxy.pointAt({ port: postgres.primary.port });
    await scene.untilSettled();
  });

  it('that fails over leaves the cause failover, and in plantao.epochs what the log lost', async () => {
    await postgres.waitUntilReplayed();
    postgres.standby.link.swallow('down');
    const active = await scene.active();
    for (let count = 0; count < 5; count++) expect((await scene.post(active)).status).to.equal(200);
    await scene.meter.stop();
    const head = async () => {
      const [row] = await scene.sql<{ head: number }>('SELECT head::int FROM plantao.log_bounds');
      return row?.head ?? 0;
    };
    const last = await head();
    await eventually(
      'every node has read it',
      async () => {
        const rows = await scene.sql<{ position: number }>('SELECT position::int FROM plantao.nodes');
        return rows.every(({ position }) => position >= last);
      },
      { within: 20_000 },
    );
    await postgres.primary.kill();
    await postgres.promote();
    proxy.pointAt({ port: postgres.primary.port });
    const [fork] = await eventually(
      'the loss is recorded',
      async () => {
        const sql =
          "SELECT cause, after_position::int AS back, lost_until::int AS from FROM plantao.epochs WHERE lost_until IS NOT NULL AND cause = 'failover'";
        const rows = await scene.sql<{ cause: string; back: number; from: number }>(sql).catch(() => []);
        return rows.length > 0 && rows;
      },
      { within: 20_000 },
    );
    expect(fork?.from).to.equal(last);
    expect(fork?.back).to.be.below(last - 4);
    await endedBy(scene, 'failover');
    const said = scene.nodes.flatMap(({ entries }) => entries).find(({ event }) => event === 'log_end_lost');
    expect(said?.msg).to.match(new RegExp(`^the event log fell back from position ${last} to ${fork?.back}:`));
  });

  it('has no active node while its own configuration makes it read-only', async () => {
    await eventually('one is active', async () => (await scene.active()) !== null, { within: 20_000 });
    const active = await scene.active();
    const since = active.entries.length;
    await postgres.primary.query('ALTER SYSTEM SET default_transaction_read_only = on', [], 'postgres');
    await postgres.primary.query('SELECT pg_reload_conf()', [], 'postgres');
    const says = ({ msg }: { msg: string }) => /lost the leader lock: connected to a read-only server/.test(msg);
    await active.untilLogged('that the server is read-only', says, { since, within: 20_000 });
    for (const node of scene.nodes) expect((await scene.health(node))?.active, node.name).to.equal(false);
    await postgres.primary.query('ALTER SYSTEM RESET default_transaction_read_only', [], 'postgres');
    await postgres.primary.query('SELECT pg_reload_conf()', [], 'postgres');
    await eventually('one is active again', () => scene.active().catch(() => null), { within: 20_000 });
    await endedBy(scene, 'read_only');
  });
});
