import { expect } from 'chai';
import { ttlCache } from '../../../../src/http/request/ttl-cache.ts';

describe('A short-lived cache', () => {
  let now = 0;
  let made = 0;
  const ask = ttlCache(
    500,
    async () => {
      made++;
      if (made === 2) throw new Error('away');
      return made;
    },
    () => now,
  );

  it('reads once for simultaneous calls and for calls soon after', async () => {
    expect(await Promise.all([ask(), ask(), ask()])).to.deep.equal([1, 1, 1]);
    now = 499;
    expect(await ask()).to.equal(1);
  });

  it('reads again after its lifetime, and does not cache a failure', async () => {
    now = 500;
    const failed = await Promise.all([ask(), ask()].map((one) => one.catch((error: Error) => error.message)));
    expect(failed).to.deep.equal(['away', 'away']);
    expect(await ask()).to.equal(3);
  });
});
