import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { FakePeer } from '../support/fake-peer.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { testServer } from '../support/test-server.ts';
import { type Coordinator, type CoordinatorOptions, localLock, startCoordinator } from './coordinator.ts';

/** Long enough for half of it to be more than a busy machine takes for a promotion. */
const LEASE_MS = 2000;

describe('A switchover', () => {
  let database: TestDatabase;
  const running: Coordinator[] = [];

  before(async () => {
    database = await createDatabase();
  });
  after(async () => database.drop());
  afterEach(async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
  });

  const start = async (node: string, more: Partial<CoordinatorOptions> = {}) => {
    const one = await startCoordinator({ databaseUrl: database.url, node, leaseMs: LEASE_MS, ...more });
    running.push(one);
    await eventually(`${node} is active`, () => one.sync.isActive);
    return one;
  };

  it('returns no_successor and makes the node active again at once when no standby takes the lock', async () => {
    // A live peer that never tries, such as one without its database.
    const mute = await FakePeer.start({ status: 'alive', active: false, node: 'mute', term: 1 });
    try {
      const a = await start('node-a', { peerUrls: [mute.url] });
      await eventually('the peer is known', () => a.peers.living.includes('mute'));
      const term = a.lock.term ?? 0;
      const startedAt = performance.now();
      expect(await a.sync.switchover('mute', 'test')).to.equal('no_successor');
      await eventually('it is active again', () => (a.lock.term ?? 0) > term, { every: 5 });
      // Half a lease for a successor, not the whole one of a resignation.
      expect(performance.now() - startedAt).to.be.below(LEASE_MS);
    } finally {
      await mute.stop();
    }
  });

  it('succeeds when the named standby takes the lock', async () => {
    const a = await start('node-a');
    const b = await startCoordinator({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS, isActive: false });
    running.push(b);
    a.peers.learn([
      { node: 'node-b', url: 'http://node-b', role: 'standby', term: null, is_primary: false, heartbeat_age_ms: 0 },
    ]);
    expect(await a.sync.switchover('node-b', 'test')).to.equal(null);
    // The peer may receive the notification of the promotion before node-b receives the response of its commit.
    await eventually('node-b is active', () => b.sync.isActive);
  });

  it('does not delay the next candidate when the successor dies at once and its older heartbeat arrives late', async () => {
    const b = await startCoordinator({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS, isActive: false });
    running.push(b);
    const startedAt = performance.now();
    b.sync.handleSignal({ kind: 'promoted', term: 99, node: 'node-a', url: 'http://node-a' });
    // A heartbeat that began before the promotion and was committed after it; it is the node's last.
    b.peers.learn([
      { node: 'node-a', url: 'http://node-a', role: 'standby', term: null, is_primary: false, heartbeat_age_ms: 0 },
    ]);
    await eventually('it is active', () => b.sync.isActive, { every: 5 });
    // IS_ACTIVE=false waits two leases for another node to become active, and one has.
    expect(performance.now() - startedAt).to.be.below(LEASE_MS);
  });

  it('does not delay the next candidate when the successor dies before any node has heard from it', async () => {
    const a = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: 30_000 });
    await a.lock.tryAcquire(() => ({ reason: 'test', unseenMs: 0 }));
    // Started after the promotion and without peers: only PostgreSQL knows the active node.
    const b = await startCoordinator({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS, isActive: false });
    running.push(b);
    await eventually('it has read the holder of the lock', async () => {
      const { admin } = await testServer();
      const asking =
        "SELECT FROM pg_stat_activity WHERE application_name LIKE 'plantao:node-b:%' AND query LIKE '%lock_holder%'";
      return (await admin(asking)).length > 0;
    });
    const diedAt = performance.now();
    a.lock.abandon('dead');
    await eventually('it is active', () => b.sync.isActive, { every: 5 });
    expect(performance.now() - diedAt).to.be.below(LEASE_MS / 2);
  });

  it('leaves a stopping node inactive even if it is revived meanwhile', async () => {
    const a = await start('node-a');
    await a.sync.fall();
    const stopped = a.sync.stop();
    const revived = a.sync.revive();
    await Promise.all([stopped, revived]);
    expect(a.entries.filter(({ event }) => event === 'promoted')).to.have.length(1);
  });
});
