import { expect } from 'chai';
import { Belief, monotonic } from '../../src/coordination/belief.ts';

const LEASE_MS = 2000;

describe("A node's belief that it holds the leader lock", () => {
  let now: number;
  let belief: Belief;
  beforeEach(() => {
    now = 1_000_000;
    belief = new Belief(LEASE_MS, () => now);
  });

  it('is not there before a heartbeat was confirmed', () => {
    expect(belief.holds).to.equal(false);
    expect(belief.remainingMs).to.equal(0);
  });

  it('runs out by itself before the lease does, which PostgreSQL counts', () => {
    belief.confirm(now);
    now += LEASE_MS * 0.89;
    expect(belief.holds).to.equal(true);
    now += LEASE_MS * 0.02;
    expect(belief.holds).to.equal(false);
    expect(belief.remainingMs).to.equal(0);
  });

  it('counts from when the heartbeat was sent: a slow answer cannot stretch it', () => {
    const sent = now;
    now += LEASE_MS - 100;
    belief.confirm(sent);
    expect(belief.holds).to.equal(false);
    now = sent + LEASE_MS / 2;
    belief.confirm(sent);
    expect(belief.remainingMs).to.be.closeTo(LEASE_MS * 0.4, 1);
  });

  it('is not shortened by an earlier heartbeat that is confirmed late', () => {
    belief.confirm(now);
    belief.confirm(now - 1500);
    expect(belief.remainingMs).to.be.closeTo(LEASE_MS * 0.9, 1);
  });

  it('ends at once when it is given up', () => {
    belief.confirm(now);
    belief.drop();
    expect(belief.holds).to.equal(false);
  });

  it('is measured by a clock that only goes forward', () => {
    const first = monotonic();
    expect(monotonic()).to.be.at.least(first);
    expect(first, 'not the wall clock').to.be.below(Date.now() / 2);
  });
});
