import { expect } from 'chai';
import { type ElectionState, idleIntervalMs, nextTickMs } from '../../../src/coordination/election-timing.ts';

const idle: ElectionState = {
  role: 'standby',
  leaseMs: 2000,
  sinceSignMs: null,
  leaderlessMs: 0,
  failures: 0,
  failingMs: 0,
};
const step = (more: Partial<ElectionState>) => nextTickMs({ ...idle, ...more });

describe('The time until the next attempt', () => {
  it('leaves an active node several heartbeats per lease, even if one is lost', () => {
    for (const leaseMs of [300, 2000, 60_000]) expect(step({ role: 'active', leaseMs }) * 3).to.be.below(leaseMs);
  });

  it('is the idle interval if the node is active too, however long the lease: its row and its probes are due within a second', () => {
    for (const leaseMs of [300, 2000, 60_000]) {
      expect(step({ role: 'active', leaseMs })).to.equal(idleIntervalMs(leaseMs));
    }
  });

  it('is the idle interval while a node is seen active', () => {
    expect(step({})).to.equal(250);
    expect(step({ leaseMs: 300 })).to.equal(40);
  });

  it('is shortest right after a sign that the lock may be free', () => {
    expect(step({ sinceSignMs: 0 })).to.equal(5);
    expect(step({ sinceSignMs: 200 })).to.equal(20);
    expect(step({ sinceSignMs: 600 })).to.equal(250);
  });

  it('is short for three leases while no node is seen active, and the idle interval afterwards', () => {
    for (const leaderlessMs of [1, 2000, 5900]) expect(step({ leaderlessMs })).to.equal(50);
    expect(step({ leaderlessMs: 6000 })).to.equal(250);
  });

  it('grows with every attempt that could not query the database: short while it may be restarting, then idle', () => {
    const steps = (failingMs: number) =>
      [1, 2, 3, 4, 5, 50].map((failures) => step({ failures, failingMs, sinceSignMs: 0 }));
    expect(steps(100)).to.deep.equal([20, 40, 50, 50, 50, 50]);
    expect(steps(31_000)).to.deep.equal([20, 40, 80, 160, 250, 250]);
  });

  it('is the idle interval if the node is fallen', () => {
    expect(step({ role: 'fallen', sinceSignMs: 0, leaderlessMs: 100 })).to.equal(250);
  });

  it('is never zero', () => {
    for (const role of ['active', 'standby', 'fallen'] as const)
      for (const leaseMs of [300, 2000, 60_000])
        for (const sinceSignMs of [null, 0, 99, 100, 499, 500])
          for (const failures of [0, 1, 1000]) {
            expect(step({ role, leaseMs, sinceSignMs, failures })).to.be.within(5, leaseMs / 3);
          }
    expect(idleIntervalMs(60_000)).to.equal(250);
  });
});
