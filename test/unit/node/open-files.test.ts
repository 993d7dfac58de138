import { expect } from 'chai';
import { fitToOpenFiles, openFilesLimit } from '../../../src/node/open-files.ts';

const SETTINGS = { maxConnections: 25_000, maxWaiters: 20_000, poolSize: 10 };

describe('The limits of a node', () => {
  it('are those of the settings if the system permits so many files', () => {
    expect(fitToOpenFiles(SETTINGS, 30_000)).to.deep.equal({ maxConnections: 25_000, maxWaiters: 20_000 });
    expect(fitToOpenFiles(SETTINGS, Number.POSITIVE_INFINITY)).to.deep.equal({
      maxConnections: 25_000,
      maxWaiters: 20_000,
    });
  });

  it('leave files for the sessions with PostgreSQL, and connections for requests beside the polls', () => {
    expect(fitToOpenFiles(SETTINGS, 20_000)).to.deep.equal({ maxConnections: 19_890, maxWaiters: 19_790 });
    expect(fitToOpenFiles(SETTINGS, 1024)).to.deep.equal({ maxConnections: 914, maxWaiters: 814 });
    expect(fitToOpenFiles(SETTINGS, 256)).to.deep.equal({ maxConnections: 146, maxWaiters: 116 });
  });

  it('are small but not zero where the system permits hardly any files', () => {
    expect(fitToOpenFiles(SETTINGS, 64)).to.deep.equal({ maxConnections: 8, maxWaiters: 6 });
    expect(fitToOpenFiles(SETTINGS, 1)).to.deep.equal({ maxConnections: 1, maxWaiters: 1 });
  });

  it('know the number of files that the system permits', function () {
    if (process.platform !== 'linux') this.skip();
    expect(openFilesLimit())
      .to.be.greaterThan(100)
      .and.lessThan(2 ** 40);
  });
});
