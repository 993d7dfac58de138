import { expect } from 'chai';
import { FAULTS } from '../../../src/prove/faults/faults.ts';
import { schedule } from '../../../src/prove/faults/schedule.ts';

describe('The schedule in rounds', () => {
  it('has every fault once in each round, and begins with the requested one', () => {
    const [, first] = FAULTS;
    if (!first) throw new Error('there is no fault');
    const options = { faults: FAULTS, seed: 3, nodes: 2, leaseMs: 2000, inRounds: true };
    const plan = schedule({ ...options, first });
    const planned = Array.from({ length: 1 + 3 * FAULTS.length }, () => plan.next().value);
    expect(planned[0]?.fault).to.equal(first);
    for (let round = 0; round < 3; round += 1) {
      const kinds = planned
        .slice(1 + round * FAULTS.length, 1 + (round + 1) * FAULTS.length)
        .map(({ fault }) => fault.kind);
      expect([...kinds].sort()).to.deep.equal(FAULTS.map(({ kind }) => kind).sort());
    }
    expect(planned.slice(0, FAULTS.length).filter(({ overlaps }) => overlaps)).to.deep.equal([]);
    expect(planned.filter(({ overlaps }) => overlaps)).to.not.deep.equal([]);
  });

  it('is the same for the same seed', () => {
    const kinds = (seed: number) => {
      const plan = schedule({ faults: FAULTS, seed, nodes: 2, leaseMs: 2000, inRounds: true });
      return Array.from({ length: 40 }, () => plan.next().value.fault.kind);
    };
    expect(kinds(5)).to.deep.equal(kinds(5));
    expect(kinds(5)).to.not.deep.equal(kinds(6));
  });
});
