import { expect } from 'chai';
import type { ChatEvent } from '../../../../../src/client/index.ts';
import { PollLog } from '../../../../../src/web/home/model/connection/poll-log.ts';

const event = (position: number): ChatEvent => ({ kind: 'broadcast', cursor: `e-${position}`, at: '', payload: null });
const part = (from: number, to: number, ...events: number[]) => ({
  from: `e-${from}`,
  to: `e-${to}`,
  events: events.map(event),
});

describe('The log of polls that tabs share', () => {
  const log = new PollLog();
  before(() => {
    log.add(part(10, 12, 11, 12));
    log.add(part(12, 15, 15));
  });
  const positionsAfter = (cursor: string) => {
    const found = log.after(cursor);
    return typeof found === 'string' ? found : [...found.events.map((one) => one.cursor), found.to];
  };

  it('returns everything after a cursor that it contains', () => {
    expect(positionsAfter('e-10')).to.deep.equal(['e-11', 'e-12', 'e-15', 'e-15']);
    expect(positionsAfter('e-11')).to.deep.equal(['e-12', 'e-15', 'e-15']);
  });

  it('waits for what comes after its end', () => {
    expect(positionsAfter('e-15')).to.equal('wait');
    expect(positionsAfter('e-16')).to.equal('wait');
  });

  it('does not know a cursor before its beginning, before a gap, or of another history', () => {
    expect(positionsAfter('e-9')).to.equal('unknown');
    expect(positionsAfter('f-12')).to.equal('unknown');
    log.add(part(20, 21, 21));
    expect(positionsAfter('e-12')).to.equal('unknown');
    expect(positionsAfter('e-20')).to.deep.equal(['e-21', 'e-21']);
  });
});
