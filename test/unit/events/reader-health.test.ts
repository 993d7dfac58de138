import { expect } from 'chai';
import pino from 'pino';
import { SessionLostError } from '../../../src/database/session/database-session.ts';
import { ReaderHealth } from '../../../src/events/reading/reader-health.ts';

describe('The health of the reader of the event log', () => {
  it('names the cause, even if it is the database that does not respond', () => {
    const health = new ReaderHealth(pino({ enabled: false }));
    health.failed(new SessionLostError('no reply to query within 2000 ms'));
    expect(health.problem).to.equal('the event log cannot be read: the database cannot be reached, or is too slow');
    health.succeeded();
    expect(health.problem).to.equal(null);
  });
});
