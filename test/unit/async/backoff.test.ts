import { expect } from 'chai';
import { backoffDelay, jittered } from '../../../src/async/backoff.ts';

/** Returns the smallest and the largest of many values. */
function range(draw: () => number): [number, number] {
  const values = Array.from({ length: 5000 }, draw);
  return [Math.min(...values), Math.max(...values)];
}

describe('Delays', () => {
  it('vary by the given fraction, so that what began together does not stay in step', () => {
    expect(range(() => jittered(1000, 0.2))).to.satisfy(
      ([least, most]: [number, number]) => least >= 800 && most <= 1200,
    );
    const [least, most] = range(() => jittered(1000, 0.2));
    expect(most - least).to.be.above(300);
  });

  it('of a retry double up to their maximum, with jitter', () => {
    for (const [attempt, delayMs] of [
      [0, 10],
      [3, 80],
      [9, 500],
      [1000, 500],
    ] as const) {
      const [least, most] = range(() => backoffDelay(attempt, 500));
      expect(least, `attempt ${attempt}`).to.be.at.least(delayMs / 2);
      expect(most, `attempt ${attempt}`).to.be.at.most(delayMs);
      expect(most - least, `attempt ${attempt}`).to.be.above(delayMs / 4);
    }
  });
});
