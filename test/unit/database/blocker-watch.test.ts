import { expect } from 'chai';
import { pino } from 'pino';
import { BlockerWatch } from '../../../src/database/checks/blocker-watch.ts';
import type { Queryable } from '../../../src/database/session/reconnecting-session.ts';

describe('The sentence about the sessions that block a node', () => {
  it('is not shown while PostgreSQL does not say whether they still do', async () => {
    const blocker = { pid: 7, blocks: 'event log', since: null, state: 'idle in transaction', endedBy: 'SELECT 1' };
    let isAway = false;
    const session = {
      query: () => (isAway ? Promise.reject(new Error('away')) : Promise.resolve([blocker])),
    } as unknown as Queryable;
    const watch = new BlockerWatch(session, pino({ level: 'silent' }));
    const refused = Object.assign(new Error('refused'), { code: '55P03' });
    await watch.toBlockedError(refused);
    expect(watch.sentence).to.match(/^server process 7 blocks event log: SELECT 1/);
    isAway = true;
    await watch.toBlockedError(refused);
    expect(watch.sentence).to.equal(null);
    isAway = false;
    await watch.toBlockedError(refused);
    expect(watch.sentence).to.be.a('string');
    watch.stop();
  });
});
