import { expect } from 'chai';
import { KEEP_MS, RecentSignals } from '../../../../src/chat/live/recent-signals.ts';

const signal = (json: string) => ({ userId: 1, groupIds: [1], json });

describe('Recent signals', () => {
  const setUp = () => {
    let now = 0;
    const recent = new RecentSignals(() => now);
    const since = (mark: string) => recent.after(mark).map(({ json }) => json);
    return {
      recent,
      since,
      wait: (ms: number) => {
        now += ms;
      },
    };
  };

  it('are returned from a mark on, oldest first', () => {
    const { recent, since } = setUp();
    const first = recent.mark;
    recent.add([signal('a'), signal('b')]);
    const second = recent.mark;
    recent.add([signal('c')]);
    expect(since(first)).to.deep.equal(['a', 'b', 'c']);
    expect(since(second)).to.deep.equal(['c']);
    expect(since(recent.mark)).to.deep.equal([]);
  });

  it('are forgotten after two seconds', () => {
    const { recent, since, wait } = setUp();
    const { mark } = recent;
    recent.add([signal('old')]);
    wait(KEEP_MS - 1);
    recent.add([signal('new')]);
    expect(since(mark)).to.deep.equal(['old', 'new']);
    wait(1);
    expect(since(mark)).to.deep.equal(['new']);
  });

  it('are at most the newest 500', () => {
    const { recent, since } = setUp();
    const { mark } = recent;
    for (let count = 1; count <= 1200; count++) recent.add([signal(String(count))]);
    const kept = since(mark);
    expect([kept.length, kept[0], kept.at(-1)]).to.deep.equal([500, '701', '1200']);
  });

  it('are none for a mark of another node', () => {
    const { recent, since } = setUp();
    const { mark } = new RecentSignals();
    recent.add([signal('a')]);
    expect(since(mark)).to.deep.equal([]);
    expect(recent.knows(mark)).to.equal(false);
  });
});
