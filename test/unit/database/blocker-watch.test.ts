import { expect } from 'chai';
import { pino } from 'pino';
import { blockingSentence } from '../../../src/cli/command/blocking-sentence.ts';
import { BlockerWatch } from '../../../src/database/checks/blocker-watch.ts';
import type { Queryable } from '../../../src/database/session/reconnecting-session.ts';

describe('The sentence about the sessions that block a node', () => {
  it('is not shown while PostgreSQL does not say whether they still block it', async () => {
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

  it('names the disk of PostgreSQL as the cause if a session waits for it, instead of advising to end that session', async () => {
    const blocker = {
      pid: 7,
      blocks: 'event log',
      since: null,
      state: 'active',
      endedBy: 'SELECT 1',
      diskWait: 'WALSync',
    };
    const lines: string[] = [];
    const log = pino({ level: 'warn' }, { write: (line: string) => void lines.push(JSON.parse(line).msg) });
    const watch = new BlockerWatch({ query: async () => [blocker] } as unknown as Queryable, log);
    await watch.toBlockedError(Object.assign(new Error('refused'), { code: '55P03' }));
    watch.stop();
    const sentence = "it waits for PostgreSQL's disk (WALSync), which is slow or hangs";
    expect(watch.sentence).to.include(`server process 7 blocks event log: ${sentence}`);
    expect(lines[0]).to.include(`blocks event log: ${sentence}`);
    const row = {
      blocks: 'event log',
      application_name: 'plantao:a:writer',
      ended_by: 'SELECT 1',
      disk_wait: 'WALSync',
    };
    expect(blockingSentence(row)).to.equal(`"plantao:a:writer" blocks event log: ${sentence}`);
    expect(blockingSentence({ ...row, disk_wait: null })).to.equal('"plantao:a:writer" blocks event log: SELECT 1');
  });
});
