import { expect } from 'chai';
import type { LogEvent } from '../../../src/events/log-event.ts';
import { inParts } from '../../../src/events/reading/page-parts.ts';

describe('A page of events', () => {
  const events = Array.from({ length: 500 }, (_, index) => ({ position: index + 1 }) as LogEvent);

  it('is one part if few wait, and also if it is empty', () => {
    expect(inParts(events, () => 100)).to.deep.equal([events]);
    expect(inParts([], () => 100)).to.deep.equal([[]]);
  });

  it('is divided so that no turn compares it with too many waiters', () => {
    const parts = inParts(events, () => 10_000);
    expect(parts.flat()).to.deep.equal(events);
    expect(Math.max(...parts.map((part) => part.length))).to.equal(20);
    expect(parts).to.have.length(25);
  });

  it('puts an event that exceeds the limit alone into a part', () => {
    const parts = inParts(events.slice(0, 4), ({ position }) => (position === 2 ? 5_000_000 : 0));
    expect(parts.map((part) => part.map(({ position }) => position))).to.deep.equal([[1], [2], [3, 4]]);
  });
});
