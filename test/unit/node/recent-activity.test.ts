import { expect } from 'chai';
import { RecentActivity } from '../../../src/node/recent-activity.ts';

const sample = (node: string, postsPerSecond = 1, waiters = 0) => ({
  ...{ node, postsPerSecond, waiters, commitMs: null, deliveryMs: null },
});

describe('The recent activity of the nodes', () => {
  it('has one entry for each interval in the last five minutes, null where a node reported nothing', () => {
    let now = 1_000_000;
    const activity = new RecentActivity(() => now);
    activity.record(sample('node-a', 4, 7));
    now += 2 * activity.stepMs;
    activity.record({ ...sample('node-a', 8, 9), commitMs: 3 });
    const [node] = activity.view();
    expect(node?.node).to.equal('node-a');
    expect(node?.posts_per_second).to.have.length(150);
    expect(node?.posts_per_second.slice(-4)).to.deep.equal([null, 4, null, 8]);
    expect(node?.waiters.slice(-4)).to.deep.equal([null, 7, null, 9]);
    expect(node?.commit_ms.slice(-2)).to.deep.equal([null, 3]);
  });

  it('averages the rates of one interval and keeps the longest times', () => {
    const activity = new RecentActivity(() => 5);
    activity.record({ ...sample('node-a', 2), commitMs: 9, deliveryMs: null });
    activity.record({ ...sample('node-a', 4), commitMs: 3, deliveryMs: 1 });
    const [node] = activity.view();
    expect([node?.posts_per_second.at(-1), node?.commit_ms.at(-1), node?.delivery_ms.at(-1)]).to.deep.equal([3, 9, 1]);
  });

  it('drops what is older than five minutes, and a node that reported nothing since', () => {
    let now = 0;
    const activity = new RecentActivity(() => now);
    activity.record(sample('gone', 5));
    activity.record(sample('node-a', 5));
    now += 150 * activity.stepMs;
    activity.record(sample('node-a', 6));
    const view = activity.view();
    expect(view.map(({ node }) => node)).to.deep.equal(['node-a']);
    expect(view[0]?.posts_per_second.filter((one) => one !== null)).to.deep.equal([6]);
  });

  it('remembers at most twenty nodes, and a silent one makes room for another', () => {
    let now = 0;
    const activity = new RecentActivity(() => now);
    for (let number = 10; number < 30; number += 1) activity.record(sample(`node-${number}`));
    now = 10_000;
    for (let number = 11; number < 40; number += 1) activity.record(sample(`node-${number}`));
    const names = activity.view().map(({ node }) => node);
    expect(names).to.have.length(20);
    expect(names).to.include('node-30').and.not.include('node-10');
  });

  it('keeps the figures of twenty living nodes when there are more', () => {
    let now = 0;
    const activity = new RecentActivity(() => now);
    for (; now < 60_000; now += 1000) {
      for (let number = 10; number < 40; number += 1) activity.record(sample(`node-${number}`));
    }
    const shown = activity.view().map(({ waiters }) => waiters.filter((one) => one !== null).length);
    expect(shown).to.deep.equal(new Array(20).fill(30));
  });
});
