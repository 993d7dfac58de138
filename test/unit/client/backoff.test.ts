import { expect } from 'chai';
import fc from 'fast-check';
import { backoff } from '../../../src/client/requests/backoff.ts';

describe('The backoff between attempts', () => {
  const bounds = { firstMs: 50, capMs: 2000 };

  it('doubles from the first delay to the cap', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => backoff(failures, bounds, () => 1));
    expect(longest).to.deep.equal([50, 100, 200, 400, 800, 1600, 2000, 2000]);
  });

  it('stays between half of it and all of it, for any number of failures', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 1e9 }),
        fc.double({ min: 0, max: 0.999, noNaN: true }),
        (failures, chance) => {
          const whole = backoff(failures, bounds, () => 1);
          const ms = backoff(failures, bounds, () => chance);
          expect(ms)
            .to.be.within(whole / 2, whole)
            .and.at.most(2000);
        },
      ),
    );
  });
});
