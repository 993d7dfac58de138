import { expect } from 'chai';
import { KEEP_SIGNALS_MS, RecentSignals } from '../../../../src/chat/live/recent-signals.ts';

const signal = (json: string) => ({ userId: 1, groupIds: [1], json });

describe('Recent signals', () => {
  const setUp = () => {
    let now = 0;
    const recent = new RecentSignals(() => now);
    const since = (cursor: string) => recent.after(cursor).map(({ json }) => json);
    return {
      recent,
      since,
      wait: (ms: number) => {
        now += ms;
      },
    };
  };

  it('are returned from a cursor on, oldest first', () => {
    const { recent, since } = setUp();
    const first = recent.cursor;
    recent.add([signal('a'), signal('b')]);
    const second = recent.cursor;
    recent.add([signal('c')]);
    expect(since(first)).to.deep.equal(['a', 'b', 'c']);
    expect(since(second)).to.deep.equal(['c']);
    expect(since(recent.cursor)).to.deep.equal([]);
  });

  it('are forgotten after two seconds', () => {
    const { recent, since, wait } = setUp();
    const { cursor } = recent;
    recent.add([signal('old')]);
    wait(KEEP_SIGNALS_MS - 1);
    recent.add([signal('new')]);
    expect(since(cursor)).to.deep.equal(['old', 'new']);
    wait(1);
    expect(since(cursor)).to.deep.equal(['new']);
  });

  it('are at most the newest 500', () => {
    const { recent, since } = setUp();
    const { cursor } = recent;
    for (let count = 1; count <= 1200; count++) recent.add([signal(String(count))]);
    const kept = since(cursor);
    expect([kept.length, kept[0], kept.at(-1)]).to.deep.equal([500, '701', '1200']);
  });

  it('are empty for a cursor of another node', () => {
    const { recent, since } = setUp();
    const { cursor } = new RecentSignals();
    recent.add([signal('a')]);
    expect(since(cursor)).to.deep.equal([]);
    expect(recent.knows(cursor)).to.equal(false);
  });
});
