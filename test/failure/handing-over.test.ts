import { expect } from 'chai';
import { eventually } from '../support/eventually.ts';
import { FakePeer } from '../support/fake-peer.ts';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { type Coordinator, type CoordinatorOptions, startCoordinator } from './coordinator.ts';

const LEASE_MS = 600;

describe('Who hands the duty over', () => {
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
    await eventually(`${node} is on duty`, () => one.sync.isOnDuty);
    return one;
  };

  it('and finds that nobody takes it says so, and is on duty again at once', async () => {
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

  it('to one that comes is told so', async () => {
    const a = await start('node-a');
    const b = await startCoordinator({ databaseUrl: database.url, node: 'node-b', leaseMs: LEASE_MS, isActive: false });
    running.push(b);
    a.peers.learn([
      { node: 'node-b', url: 'http://node-b', role: 'standby', term: null, is_primary: false, heartbeat_age_ms: 0 },
    ]);
    expect(await a.sync.switchover('node-b', 'test')).to.equal(null);
    expect(b.sync.isOnDuty).to.equal(true);
  });

  it('by being stopped takes no duty any more, whatever is asked of it meanwhile', async () => {
    const a = await start('node-a');
    await a.sync.fall();
    const stopped = a.sync.stop();
    const revived = a.sync.revive();
    await Promise.all([stopped, revived]);
    expect(a.entries.filter(({ event }) => event === 'promoted')).to.have.length(1);
  });
});
