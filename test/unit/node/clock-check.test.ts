import { expect } from 'chai';
import { checkClock } from '../../../src/node/clock-check.ts';

describe('The check of the clocks', () => {
  const callsAfter = (...aheadMs: (number | null)[]): string[] => {
    const calls: string[] = [];
    const conditions = {
      begin: (_name: string, sentence: string) => void calls.push(sentence),
      end: () => void calls.push('ends'),
    };
    for (const ms of aheadMs) checkClock(conditions, ms);
    return calls;
  };

  it('says which clock is ahead, and by how much', () => {
    expect(callsAfter(3_600_000)[0]).to.match(/^this node's clock is 3600 s ahead of PostgreSQL's: /);
    expect(callsAfter(-7000)[0]).to.match(/^this node's clock is 7 s behind PostgreSQL's: /);
  });

  it('ends its condition only well below the limit, so that a difference near it does not begin and end all the time', () => {
    expect(callsAfter(4500, -4999, 5000)).to.deep.equal([]);
    expect(callsAfter(3999, -3999, 0)).to.deep.equal(['ends', 'ends', 'ends']);
  });

  it('changes nothing while the difference is unknown', () => {
    expect(callsAfter(null)).to.deep.equal([]);
  });
});
