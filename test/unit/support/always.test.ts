import { expect } from 'chai';
import { always } from '../../support/always.ts';

describe('always', () => {
  it('checks repeatedly until the time is over', async () => {
    const startedAt = performance.now();
    let checks = 0;
    await always('it is true', () => ++checks, { forMs: 50, every: 5 });
    expect(checks).to.be.above(1);
    expect(performance.now() - startedAt).to.be.at.least(50);
  });

  it('fails as soon as the check does, and says what was expected', async () => {
    let checks = 0;
    const failure = await always('it is true', () => ++checks < 3, { forMs: 60_000, every: 1 }).catch(String);
    expect(failure).to.match(/^Error: "it is true" was true for \d+ ms only$/);
    const thrown = always('it is true', () => Promise.reject(new Error('why')), { forMs: 60_000 });
    expect(await thrown.catch(String)).to.equal('Error: why');
  });
});
