import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { FakePeer } from '../support/fake-peer.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { testServer } from '../support/test-server.ts';
import { type Coordinator, type CoordinatorOptions, localLock, startCoordinator } from './coordinator.ts';

const LEASE_MS = 600;

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
    await eventually(`${node} is on duty`, () => one.sync.isActive);
    return one;
  };

  it('returns no_successor and makes the node active again at once when no standby takes the lock', async () => {
    // It says that it lives, and never tries: cut off from the database, for one.
    const mute = await FakePeer.start({ status: 'alive', active: false, node: 'mute', term: 1 });
    try {
      const a = await start('node-a', { peerUrls: [mute.url] });
      await eventually('the peer is heard', () => a.peers.living.includes('mute'));
      const term = a.lock.term ?? 0;
      const startedAt = performance.now();
      expect(await a.sync.switchover('mute', 'test')).to.equal('no_successor');
      await eventually('it is on duty again', () => (a.lock.term ?? 0) > term, { every: 5 });
      // Half a lease for whoever may come, and not the whole one that it would leave to a successor.
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
    // Its peer may hear of the promotion before it has the answer that makes it one.
    await eventually('node-b is on duty', () => b.sync.isActive);
  });

  it('does not delay the next candidate when the successor dies at once and its older heartbeat arrives late', async () => {
    const b = await startCoordinator({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS, isActive: false });
    running.push(b);
    const startedAt = performance.now();
    b.sync.handleSignal({ kind: 'promoted', term: 99, node: 'node-a', url: 'http://node-a' });
    // Begun before the promotion and committed after it. Of the node nothing more is heard.
    b.peers.learn([
      { node: 'node-a', url: 'http://node-a', role: 'standby', term: null, is_primary: false, heartbeat_age_ms: 0 },
    ]);
    await eventually('it is on duty', () => b.sync.isActive, { every: 5 });
    // IS_ACTIVE=false waits two leases for somebody to come; somebody has come.
    expect(performance.now() - startedAt).to.be.below(LEASE_MS);
  });

  it('does not delay the next candidate when the successor dies before any node has heard from it', async () => {
    const a = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: 30_000 });
    await a.lock.tryAcquire(() => ({ reason: 'test', unseenMs: 0 }));
    // After the promotion, and told of no peer: only PostgreSQL knows of the one on duty.
    const b = await startCoordinator({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS, isActive: false });
    running.push(b);
    await eventually('it has asked who has the lock', async () => {
      const { admin } = await testServer();
      const asking =
        "SELECT FROM pg_stat_activity WHERE application_name LIKE 'plantao:node-b:%' AND query LIKE '%lock_holder%'";
      return (await admin(asking)).length > 0;
    });
    const diedAt = performance.now();
    a.lock.abandon('dead');
    await eventually('it is on duty', () => b.sync.isActive, { every: 5 });
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
