import { expect } from 'chai';
import { type ElectionState, idleIntervalMs, jittered, nextTickMs } from '../../src/coordination/election-timing.ts';

const calm: ElectionState = {
  role: 'standby',
  leaseMs: 2000,
  sinceSignMs: null,
  leaderlessMs: 0,
  failures: 0,
  failingMs: 0,
};
const step = (more: Partial<ElectionState>) => nextTickMs({ ...calm, ...more });

describe('The pace', () => {
  it('of an active fits several heartbeats into a lease, also when one is lost', () => {
    for (const leaseMs of [300, 2000, 60_000]) expect(step({ role: 'active', leaseMs }) * 3).to.be.below(leaseMs);
  });

  it('of a standby is calm while somebody is on duty', () => {
    expect(step({})).to.equal(250);
    expect(step({ leaseMs: 300 })).to.equal(40);
  });

  it('of a standby is quickest right after a sign that the lock may be free', () => {
    expect(step({ sinceSignMs: 0 })).to.equal(5);
    expect(step({ sinceSignMs: 200 })).to.equal(20);
    expect(step({ sinceSignMs: 600 })).to.equal(250);
  });

  it('of a standby that sees nobody on duty outlasts the lease of a frozen one, and is calm again after', () => {
    for (const leaderlessMs of [1, 2000, 5900]) expect(step({ leaderlessMs })).to.equal(50);
    expect(step({ leaderlessMs: 6000 })).to.equal(250);
  });

  it('grows with every attempt that could not ask the database: quick while it may be restarting, then calm', () => {
    const steps = (failingMs: number) =>
      [1, 2, 3, 4, 5, 50].map((failures) => step({ failures, failingMs, sinceSignMs: 0 }));
    expect(steps(100)).to.deep.equal([20, 40, 80, 100, 100, 100]);
    expect(steps(31_000)).to.deep.equal([20, 40, 80, 160, 250, 250]);
  });

  it('of a fallen node is calm', () => {
    expect(step({ role: 'fallen', sinceSignMs: 0, leaderlessMs: 100 })).to.equal(250);
  });

  it('is never none: no loop may spin', () => {
    for (const role of ['active', 'standby', 'fallen'] as const)
      for (const leaseMs of [300, 2000, 60_000])
        for (const sinceSignMs of [null, 0, 99, 100, 499, 500])
          for (const failures of [0, 1, 1000]) {
            expect(step({ role, leaseMs, sinceSignMs, failures })).to.be.within(5, leaseMs / 3);
          }
    expect(idleIntervalMs(60_000)).to.equal(250);
  });

  it('is given or taken a fifth, so that nodes do not stay in step', () => {
    expect(jittered(100, () => 0)).to.be.closeTo(80, 0.001);
    expect(jittered(100, () => 1)).to.be.closeTo(120, 0.001);
  });
});
