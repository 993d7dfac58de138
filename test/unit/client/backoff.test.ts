import { expect } from 'chai';
import fc from 'fast-check';
import { isAfter } from '../../../src/client/cursor.ts';
import { newIdempotencyKey } from '../../../src/client/idempotency-key.ts';
import { backoff } from '../../../src/client/requests/backoff.ts';
import { withDeadline } from '../../../src/client/requests/deadline.ts';
import { sleep } from '../../../src/client/requests/sleep.ts';

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

describe('Pauses and deadlines', () => {
  // One turn later: mocha starts its own timer for a test only after the test's first await.
  const timers = async () => {
    await new Promise(setImmediate);
    return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  };

  it('reject an aborted pause at once with the reason, without leaving a timer', async () => {
    const before = await timers();
    const controller = new AbortController();
    const paused = sleep(60_000, controller.signal).catch((error) => error);
    controller.abort(new Error('enough'));
    expect((await paused).message).to.equal('enough');
    expect(await timers()).to.equal(before);
  });

  it('leave no timer after work that ends in time', async () => {
    const before = await timers();
    expect(await withDeadline(60_000, new AbortController().signal, async () => 7)).to.equal(7);
    expect(await timers()).to.equal(before);
  });

  it('abort the signal of work that takes too long', async () => {
    const late = withDeadline(5, undefined, (signal) => sleep(60_000, signal));
    expect((await late.catch((error) => error)).name).to.equal('DeadlineError');
  });
});

describe('A cursor is after another only if it is later in the same log', () => {
  const cases: [string, string, boolean][] = [
    ['a1-10', 'a1-9', true],
    ['a1-9', 'a1-10', false],
    ['a1-9', 'a1-9', false],
    ['a1-18014398509481985', 'a1-18014398509481984', true],
    ['b2-3', 'a1-9', true],
    ['something', 'a1-9', true],
    ['something', 'something', false],
  ];
  for (const [cursor, seen, after] of cases) {
    it(`${cursor} is ${after ? '' : 'not '}after ${seen}`, () => expect(isAfter(cursor, seen)).to.equal(after));
  }
});

describe('An idempotency key', () => {
  it('is a random UUID of version 4 and never repeats', () => {
    const keys = Array.from({ length: 1000 }, newIdempotencyKey);
    for (const key of keys)
      expect(key).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(keys).size).to.equal(1000);
  });
});
