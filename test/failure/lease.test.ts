import { expect } from 'chai';
import { createDatabase, type TestDatabase } from '../support/postgres.ts';
import { type LocalLock, localLock } from './coordinator.ts';

const LEASE_MS = 1000;

describe('The lease of an active node', () => {
  let database: TestDatabase;
  before(async () => {
    database = await createDatabase();
  });
  after(async () => database.drop());

  describe("measured by the node's own clock", () => {
    let now: number;
    let local: LocalLock;
    beforeEach(() => {
      now = 1_000_000;
      local = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: LEASE_MS, clock: () => now });
    });
    afterEach(() => local.lock.abandon('the test is over'));

    it('expires before PostgreSQL releases the lock, without any message', async () => {
      expect(await local.lock.tryAcquire(() => ({ reason: 'test', unseenMs: 0 }))).to.be.a('number');
      now += LEASE_MS * 0.89;
      expect(local.lock.term, 'within the lease').to.be.a('number');
      now += LEASE_MS * 0.02;
      expect(local.lock.term, 'when nine tenths of it are over').to.equal(null);
      expect(await local.onSession('SELECT plantao.hold_leader_lock() AS held')).to.deep.equal([{ held: true }]);
    });

    it('counts from the start of a heartbeat, so that a slow response does not extend it', async () => {
      await local.lock.tryAcquire(() => ({ reason: 'test', unseenMs: 0 }));
      const beating = local.lock.renew();
      now += LEASE_MS * 1.5;
      expect(await beating, 'confirmed').to.equal(true);
      expect(local.lock.term).to.equal(null);
    });

    it('becomes valid again with the next confirmed heartbeat, because the session never lost the lock', async () => {
      const term = await local.lock.tryAcquire(() => ({ reason: 'test', unseenMs: 0 }));
      now += LEASE_MS;
      expect(local.lock.term).to.equal(null);
      expect(await local.lock.renew()).to.equal(true);
      expect(local.lock.term).to.equal(term);
    });
  });
});
