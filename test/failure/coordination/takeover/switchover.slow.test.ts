import { expect } from 'chai';
import { monotonic } from '../../../../src/async/clock.ts';
import { eventually } from '../../../support/eventually.ts';
import { FakePeer } from '../../../support/nodes/fake-peer.ts';
import { testServer } from '../../../support/postgres/test-server.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { type CoordinatorOptions, localLock, PROMOTION, useCoordinators } from '../coordinator.ts';

/** Long enough for half of it to be more than a busy machine takes for a promotion. */
const LEASE_MS = 2000;
const REQUEST = { reason: 'test', requester: { name: 'the test', via: 'SQL', from: null, at: new Date() } } as const;

describe('Switchovers and takeovers:', () => {
  const { database } = useDatabase();
  const { start } = useCoordinators(() => database.url, LEASE_MS);

  const startActive = async (node: string, more: Partial<CoordinatorOptions> = {}) => {
    const one = await start(node, more);
    await eventually(`${node} is active`, () => one.sync.isActive);
    return one;
  };

  it('a switchover is reported if no standby takes over, and the node is active again at once', async () => {
    // A peer that is alive and never tries, as one that is cut off from the database.
    const mute = await FakePeer.start({ status: 'alive', active: false, node: 'mute', term: 1 });
    try {
      const a = await startActive('node-a', { peerUrls: [mute.url] });
      await eventually('the peer is observed', () => a.peers.living.includes('mute'));
      const term = a.term ?? 0;
      const startedAt = performance.now();
      expect(await a.sync.switchover('mute', REQUEST)).to.equal('no_successor');
      await eventually('it is active again', () => (a.term ?? 0) > term, { every: 5 });
      // It waits half a lease for a successor, and not the whole one of a completed switchover.
      expect(performance.now() - startedAt).to.be.below(LEASE_MS);
    } finally {
      await mute.stop();
    }
  });

  it('a switchover returns null when the standby has taken over', async () => {
    const a = await startActive('node-a');
    const b = await start('node-b', { isActive: false });
    a.peers.observeRows(
      [{ node: 'node-b', url: 'http://node-b', role: 'standby', term: null, is_preferred: false, heartbeat_age_ms: 0 }],
      monotonic(),
    );
    expect(await a.sync.switchover('node-b', REQUEST)).to.equal(null);
    // Its peer may receive the news of the promotion before node-b itself has the reply.
    await eventually('node-b is active', () => b.sync.isActive);
  });

  it('a switchover is refused if a simultaneous one has just handed the role over', async () => {
    const a = await startActive('node-a');
    const peers = ['node-b', 'node-c'].map((node) => ({
      ...{ node, url: `http://${node}`, role: 'standby', term: null, is_preferred: false, heartbeat_age_ms: 0 },
    }));
    const b = await start('node-b', { isActive: false });
    a.peers.observeRows(peers, monotonic());
    const both = [a.sync.switchover('node-b', REQUEST), a.sync.switchover('node-c', REQUEST)];
    expect(await Promise.all(both)).to.deep.equal([null, 'not_active']);
    await eventually('node-b is active', () => b.sync.isActive);
  });

  it('a switchover returns other_successor if another standby takes over instead of the named one', async () => {
    const a = await startActive('node-a');
    const b = await start('node-b', { isActive: false });
    b.sync.handleSignal({ kind: 'promoted', term: a.term ?? 0, node: 'node-a', url: 'http://node-a' });
    a.peers.observeRows(
      [{ node: 'node-c', url: 'http://node-c', role: 'standby', term: null, is_preferred: false, heartbeat_age_ms: 0 }],
      monotonic(),
    );
    expect(await a.sync.switchover('node-c', REQUEST)).to.equal('other_successor');
    await eventually('node-b is active', () => b.sync.isActive);
  });

  it('the next standby takes over at once from a successor that dies at once, even if it reads an older row after the promotion', async () => {
    const b = await start('node-b', { isActive: false });
    const startedAt = performance.now();
    b.sync.handleSignal({ kind: 'promoted', term: 99, node: 'node-a', url: 'http://node-a' });
    // A row written before the promotion and read after it. Nothing more is observed of the node.
    b.peers.observeRows(
      [{ node: 'node-a', url: 'http://node-a', role: 'standby', term: null, is_preferred: false, heartbeat_age_ms: 0 }],
      monotonic(),
    );
    await eventually('it is active', () => b.sync.isActive, { every: 5 });
    // IS_ACTIVE=false waits two leases for another node to become active; one has.
    expect(performance.now() - startedAt).to.be.below(LEASE_MS);
  });

  it('a standby takes over as fast from an active node that no peer has ever observed', async () => {
    const a = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: 30_000 });
    await a.lock.tryAcquire(PROMOTION);
    // Started after the promotion and without peers: only PostgreSQL knows the active node.
    const b = await start('node-b', { isActive: false });
    await eventually('it has read the holder of the lock', async () => {
      const { admin } = await testServer();
      const asking =
        "SELECT FROM pg_stat_activity WHERE datname = $1 AND application_name LIKE 'plantao:node-b:%' AND query LIKE '%lock_holder%' AND state = 'idle'";
      return (await admin(asking, [database.name])).length > 0;
    });
    const diedAt = performance.now();
    a.lock.abandon('dead');
    await eventually('it is active', () => b.sync.isActive, { every: 5 });
    expect(performance.now() - diedAt).to.be.below(LEASE_MS / 2);
  });

  it('a node that stops is not promoted again, even if it is revived in the meantime', async () => {
    const a = await startActive('node-a');
    await a.sync.fall();
    const stopped = a.sync.stop();
    const revived = a.sync.revive();
    await Promise.all([stopped, revived]);
    expect(a.entries.filter(({ event }) => event === 'promoted')).to.have.length(1);
  });
});
