import { expect } from 'chai';
import { eventually } from '../../../support/eventually.ts';
import { useDatabase } from '../../../support/postgres/use-database.ts';
import { type LocalLock, localLock, PROMOTION, startCoordinator } from '../coordinator.ts';

const LEASE_MS = 1000;

describe('The lease of an active node', () => {
  const { database } = useDatabase();

  describe('by the monotonic clock of the node', () => {
    let now: number;
    let local: LocalLock;
    beforeEach(() => {
      now = 1_000_000;
      local = localLock({ databaseUrl: database.url, node: 'node-a', leaseMs: LEASE_MS, clock: () => now });
    });
    afterEach(() => local.lock.abandon('the test is over'));

    it('expires by itself before PostgreSQL frees the lock', async () => {
      expect(await local.lock.tryAcquire(PROMOTION)).to.not.equal(null);
      now += LEASE_MS * 0.89;
      expect(local.term, 'within the lease').to.be.a('number');
      now += LEASE_MS * 0.02;
      expect(local.term, 'after nine tenths of it').to.equal(null);
      expect(await local.onSession('SELECT plantao.hold_leader_lock() AS held')).to.deep.equal([{ held: true }]);
    });

    it('counts from the start of a heartbeat: a slow reply does not extend it', async () => {
      await local.lock.tryAcquire(PROMOTION);
      const renewal = local.lock.renew();
      await new Promise(setImmediate); // It is sent.
      now += LEASE_MS * 1.5;
      expect(await renewal, 'confirmed').to.equal(true);
      expect(local.term).to.equal(null);
    });

    it('is valid again when the next heartbeat is confirmed, since the session held the lock all the time', async () => {
      const term = await local.lock.tryAcquire(PROMOTION);
      now += LEASE_MS;
      expect(local.term).to.equal(null);
      expect(await local.lock.renew()).to.equal(true);
      expect(local.term).to.equal(term?.number);
    });
  });

  it('is named as the reason why no node is active, while PostgreSQL is too slow to confirm it', async () => {
    const { sync, onSession, stop } = await startCoordinator({
      databaseUrl: database.url,
      node: 'node-a',
      leaseMs: LEASE_MS,
    });
    try {
      await eventually('it is active', () => sync.isActive);
      expect(sync.promotionProblem).to.equal(null);
      // Heartbeats wait for this.
      const slow = onSession(`SELECT pg_sleep(${(LEASE_MS - 10) / 1000})`);
      await eventually('its lease has expired', () => sync.role === 'standby', { every: 1 });
      expect(sync.promotionProblem).to.match(/^no node is active: this one holds the leader lock, and PostgreSQL is/);
      await slow;
      await eventually('it is active again', () => sync.isActive);
      expect(sync.promotionProblem).to.equal(null);
    } finally {
      await stop();
    }
  });
});
