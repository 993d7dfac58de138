import { expect } from 'chai';
import { withDeadline } from '../../../src/client/requests/deadline.ts';
import { sleep } from '../../../src/client/requests/sleep.ts';

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
