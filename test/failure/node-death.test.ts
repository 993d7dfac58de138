import { expect } from 'chai';
import { get, post } from '../support/network/http.ts';
import type { LogEntry, NodeProcess } from '../support/nodes/node-process.ts';
import { useDatabase } from '../support/postgres/use-database.ts';
import { Scene } from './scene.ts';

const LEASE_MS = 1000;
/** Added to a lease by the operating system and a busy machine. */
const SLACK_MS = 2000;
/** A failover is logged in a few sentences. */
const MAX_LINES = 8;

describe('The active node', () => {
  const { database } = useDatabase();
  let scene: Scene;

  before(async function () {
    this.timeout(90_000);
    scene = await Scene.open({ databaseUrl: database.url, leaseMs: LEASE_MS });
  });
  after(async function () {
    this.timeout(60_000);
    await scene.close();
  });

  const events = (log: LogEntry[]) => log.flatMap(({ event }) => (event === undefined ? [] : [event]));
  const both = async (): Promise<[NodeProcess, NodeProcess]> => {
    await scene.untilSettled();
    const active = await scene.active();
    const [standby] = await scene.standbys();
    if (!standby) throw new Error('there is no standby');
    return [active, standby];
  };
  const restart = async (node: NodeProcess) => {
    await node.waitForExit();
    await node.start();
  };

  it('is replaced without waiting for its lease when it is killed (kill -9)', async function () {
    this.timeout(90_000);
    const [active, standby] = await both();
    const { gap, logOf } = await scene.broken(() => active.kill('SIGKILL'), { mend: () => restart(active) });
    expect(gap.ms).to.be.below(LEASE_MS);
    const promoted = logOf(standby).find(({ event }) => event === 'promoted');
    // A regular attempt may find the lock free before the standby notices the silence.
    expect(promoted?.msg).to.match(/^active for term \d+: (node-\w went silent|the leader lock was free)$/);
    expect(logOf(standby)).to.have.length.below(MAX_LINES);
    expect(events(logOf(active)), 'it returns as a standby').to.not.include('promoted');
    const [term] = await scene.sql(
      `SELECT node, lag(end_reason) OVER (ORDER BY term) AS last, extract(epoch FROM gap)::float8 * 1000 AS gap
       FROM plantao.leader_history ORDER BY term DESC LIMIT 1`,
    );
    expect(term).to.include({ node: standby.name, last: `lock lost, taken over by ${standby.name}` });
    // From the killed one's last sign of life, not from when its successor closed its term.
    expect(term?.gap).to.be.within(1, LEASE_MS);
  });

  it('hands over before it exits with code 0 on SIGTERM', async function () {
    this.timeout(90_000);
    const [active, standby] = await both();
    const { gap, logOf } = await scene.broken(() => active.kill('SIGTERM'), {
      async mend() {
        expect(await active.waitForExit()).to.deep.equal({ code: 0, signal: null });
        await active.start();
      },
    });
    expect(gap.ms).to.be.below(LEASE_MS);
    expect(events(logOf(active)).slice(0, 3)).to.deep.equal(['resigned', 'demoted', 'stopped']);
    const promoted = logOf(standby).find(({ event }) => event === 'promoted');
    expect(promoted?.msg).to.match(/^active for term \d+: (the active node resigned|the leader lock was free)$/);
  });

  it('loses the lock when it is frozen for longer than its lease (SIGSTOP), and is a standby that wrote nothing when it continues', async function () {
    this.timeout(60_000);
    const [active, standby] = await both();
    const late = { response: null as Promise<{ status: number }> | null };
    const { gap, logOf } = await scene.broken(
      () => {
        active.freeze();
        late.response = scene.post(active);
      },
      { mend: () => active.thaw() },
    );
    expect(gap.ms).to.be.within(LEASE_MS / 2, LEASE_MS + SLACK_MS);
    expect((await late.response)?.status, 'the post that waited for it to wake up').to.equal(503);
    expect(events(logOf(standby))).to.include('promoted');
    expect(logOf(active).some(({ msg }) => msg.startsWith('lost the leader lock: '))).to.equal(true);
    expect(logOf(active)).to.have.length.below(MAX_LINES);
  });

  it('keeps its role when it is frozen for less than its lease', async function () {
    this.timeout(60_000);
    const [active] = await both();
    const { gap, logOf } = await scene.broken(
      async () => {
        active.freeze();
        await new Promise((resolve) => setTimeout(resolve, LEASE_MS * (0.2 + 0.2 * Math.random())));
        active.thaw();
      },
      { keepsTerm: true },
    );
    expect(gap.ms).to.be.below(LEASE_MS);
    expect(await scene.active()).to.equal(active);
    for (const node of scene.nodes) expect(events(logOf(node))).to.deep.equal([]);
  });

  it('is replaced at once after /fall, and is a standby after /revive', async function () {
    this.timeout(60_000);
    const [active, standby] = await both();
    const { gap, logOf } = await scene.broken(() => post(`${active.url}/fall`), {
      async mend() {
        expect((await get(`${active.url}/health`)).status).to.equal(503);
        expect((await scene.post(active)).body).to.include({ code: 'not_alive' });
        expect((await post(`${active.url}/revive`)).body).to.deep.equal({ status: 'system revived', active: false });
      },
    });
    expect(gap.ms).to.be.below(LEASE_MS);
    expect(await scene.active()).to.equal(standby);
    expect(events(logOf(active))).to.deep.equal(['resigned', 'fallen', 'standby']);
  });

  it('is replaced at once when a DBA terminates its lock session', async function () {
    this.timeout(60_000);
    const [active] = await both();
    const { gap, logOf } = await scene.broken(() =>
      scene.sql('SELECT pg_terminate_backend(pid) FROM plantao.lock_holder'),
    );
    expect(gap.ms).to.be.below(LEASE_MS);
    expect(logOf(active)[0]?.msg).to.match(
      /^lost the leader lock: terminating connection due to administrator command/,
    );
    for (const node of scene.nodes) expect(logOf(node)).to.have.length.below(MAX_LINES);
  });

  it('reopens all its sessions when a DBA terminates them', async function () {
    this.timeout(60_000);
    const [active] = await both();
    const { gap, logOf } = await scene.broken(() =>
      scene.sql(
        `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
         WHERE application_name LIKE $1 AND datname = current_database()`,
        [`plantao:${active.name}:%`],
      ),
    );
    expect(gap.ms).to.be.below(LEASE_MS + SLACK_MS);
    for (const node of scene.nodes) expect(logOf(node)).to.have.length.below(MAX_LINES);
  });
});
