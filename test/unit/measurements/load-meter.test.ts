import { expect } from 'chai';
import { LoadMeter } from '../../../src/measurements/load-meter.ts';

describe('The load meter', () => {
  it('returns the rate of posts and the longest times since the last call', () => {
    let now = 0;
    const meter = new LoadMeter(() => now);
    meter.committed(3, 1.234);
    meter.committed(2, 9.876);
    meter.delivered(4);
    meter.delivered(2);
    now = 2000;
    expect(meter.take()).to.deep.equal({ postsPerSecond: 2.5, commitMs: 9.88, deliveryMs: 4 });
    now = 3000;
    expect(meter.take()).to.deep.equal({ postsPerSecond: 0, commitMs: null, deliveryMs: null });
  });

  it('returns the same load again to a call that comes soon after another, and loses no post', () => {
    let now = 0;
    const meter = new LoadMeter(() => now);
    meter.committed(10, 1);
    now = 1000;
    const load = meter.take();
    meter.committed(10, 1);
    now = 1010;
    expect(meter.take()).to.deep.equal(load);
    now = 2000;
    expect(meter.take().postsPerSecond).to.equal(10);
  });
});
