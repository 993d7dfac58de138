import { expect } from 'chai';
import { FairQueue } from '../../../src/async/fair-queue.ts';

/** Takes at most `most` items. */
const upTo = (most: number) => {
  let taken = 0;
  return () => (taken++ < most ? 'take' : 'stop') as 'take' | 'stop';
};

describe('A fair queue', () => {
  it('serves its lanes in turn, and each lane in order', () => {
    const queue = new FairQueue<string>(100);
    for (const item of ['a1', 'a2', 'a3', 'b1', 'c1', 'c2']) queue.push(item.charCodeAt(0), item);
    expect(queue.take(upTo(100))).to.deep.equal(['a1', 'b1', 'c1', 'a2', 'c2', 'a3']);
    expect(queue.size).to.equal(0);
  });

  it('continues with the lane that is next', () => {
    const queue = new FairQueue<string>(100);
    for (const item of ['a1', 'a2', 'b1', 'b2', 'c1', 'c2']) queue.push(item.charCodeAt(0), item);
    expect(queue.take(upTo(2))).to.deep.equal(['a1', 'b1']);
    expect(queue.take(upTo(2))).to.deep.equal(['c1', 'a2']);
    expect(queue.take(upTo(2))).to.deep.equal(['b2', 'c2']);
  });

  it('makes no lane wait for the backlog of another', () => {
    const queue = new FairQueue<string>(10_000);
    for (let number = 0; number < 5000; number++) queue.push(1, `flood ${number}`);
    queue.push(2, 'quiet');
    expect(queue.take(upTo(2))).to.deep.equal(['flood 0', 'quiet']);
  });

  it('can skip a lane, which keeps its order and its turn', () => {
    const queue = new FairQueue<string>(100);
    for (const item of ['a1', 'a2', 'b1', 'b2']) queue.push(item.charCodeAt(0), item);
    expect(queue.take((item) => (item === 'a1' ? 'skip' : 'take'))).to.deep.equal(['b1', 'b2']);
    queue.push('b'.charCodeAt(0), 'b3');
    expect(queue.take(upTo(100))).to.deep.equal(['a1', 'b3', 'a2']);
  });

  it('refuses items beyond its capacity, and accepts items again once there is room', () => {
    const queue = new FairQueue<number>(2);
    expect([queue.push(1, 1), queue.push(1, 2), queue.push(2, 3)]).to.deep.equal([true, true, false]);
    expect(queue.size).to.equal(2);
    queue.take(upTo(1));
    expect(queue.push(2, 4)).to.equal(true);
    expect(queue.take(upTo(100))).to.deep.equal([2, 4]);
  });

  it('keeps order and count in a lane that is never empty', () => {
    const queue = new FairQueue<number>(1000);
    let next = 0;
    const taken: number[] = [];
    for (let round = 0; round < 500; round++) {
      while (queue.size < 300) queue.push(1, next++);
      taken.push(...queue.take(upTo(7)));
    }
    expect(taken).to.deep.equal(Array.from({ length: taken.length }, (_, at) => at));
    expect(queue.size + taken.length).to.equal(next);
  });

  it('takes a batch in constant time, for any number of waiting items', () => {
    const timeOf = (lanes: number) => {
      const queue = new FairQueue<number>(1_000_000);
      for (let item = 0; item < lanes; item++) queue.push(item, item);
      const times = Array.from({ length: 20 }, () => {
        const at = performance.now();
        for (const item of queue.take(upTo(256))) queue.push(item, item);
        return performance.now() - at;
      });
      return Math.min(...times);
    };
    timeOf(1000);
    expect(timeOf(50_000)).to.be.below(20 * timeOf(1000) + 1);
  });
});
