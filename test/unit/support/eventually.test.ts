import { expect } from 'chai';
import { eventually } from '../../support/eventually.ts';

describe('eventually', () => {
  it('resolves with the first truthy value; errors before it count as not yet', async () => {
    let calls = 0;
    const value = await eventually('the third call', () => {
      calls += 1;
      if (calls === 1) throw new Error('not yet');
      return calls === 3 && { calls };
    });
    expect(value).to.deep.equal({ calls: 3 });
  });

  it('fails with what was waited for and the last value', async () => {
    const failure = await eventually('pigs fly', () => 0, { within: 30 }).catch((error: Error) => error.message);
    expect(failure).to.equal('"pigs fly" did not happen within 30 ms: the last value was 0');
  });

  it('fails with the last error', async () => {
    const check = () => Promise.reject(new Error('no wings'));
    const failure = await eventually('pigs fly', check, { within: 30 }).catch((error: Error) => error.message);
    expect(failure).to.equal('"pigs fly" did not happen within 30 ms: Error: no wings');
  });

  it('fails at its deadline even if a check hangs', async () => {
    const started = performance.now();
    const hangs = () => new Promise<boolean>(() => undefined);
    const failure = await eventually('an answer', hangs, { within: 60 }).catch((error: Error) => error.message);
    expect(failure).to.include('did not come back');
    expect(performance.now() - started).to.be.lessThan(2000);
  });
});
