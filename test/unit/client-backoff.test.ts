import { expect } from 'chai';
import fc from 'fast-check';
import { backoff } from '../../src/client/backoff.ts';
import { isAfter } from '../../src/client/cursor.ts';
import { withDeadline } from '../../src/client/deadline.ts';
import { newIdempotencyKey } from '../../src/client/idempotency-key.ts';
import { pause } from '../../src/client/pause.ts';

describe('the client waits longer after each failure, and never in step with others', () => {
  const bounds = { firstMs: 50, capMs: 2000 };

  it('doubles from the first wait to the cap', () => {
    const longest = [1, 2, 3, 4, 5, 6, 7, 8].map((failures) => backoff(failures, bounds, () => 1));
    expect(longest).to.deep.equal([50, 100, 200, 400, 800, 1600, 2000, 2000]);
  });

  it('stays between half and the whole of that, whatever the number of failures', () => {
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

describe('a pause and a deadline leave nothing behind', () => {
  // One turn later: mocha starts its own timer for a test only after the test's first await.
  const timers = async () => {
    await new Promise(setImmediate);
    return process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  };

  it('an aborted pause rejects with the reason at once and has no timer', async () => {
    const before = await timers();
    const controller = new AbortController();
    const paused = pause(60_000, controller.signal).catch((error) => error);
    controller.abort(new Error('enough'));
    expect((await paused).message).to.equal('enough');
    expect(await timers()).to.equal(before);
  });

  it('work that ends in time leaves no timer', async () => {
    const before = await timers();
    expect(await withDeadline(60_000, new AbortController().signal, async () => 7)).to.equal(7);
    expect(await timers()).to.equal(before);
  });

  it('work that takes too long is told by its signal', async () => {
    const late = withDeadline(5, undefined, (signal) => pause(60_000, signal));
    expect((await late.catch((error) => error)).name).to.equal('DeadlineError');
  });
});

describe('a cursor is after another only when it is later in the same log', () => {
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

describe('an idempotency key is a random UUID', () => {
  it('has the form of version 4 and never comes twice', () => {
    const keys = Array.from({ length: 1000 }, newIdempotencyKey);
    for (const key of keys)
      expect(key).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    expect(new Set(keys).size).to.equal(1000);
  });
});
