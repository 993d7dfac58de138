import { expect } from 'chai';
import { failOverUnderPolls, statementsOfPolls } from './failover-under-polls.ts';

describe('A failover under five hundred waiting polls', () => {
  it('costs the database a handful of queries, and every poll receives the events after it', async function () {
    this.timeout(180_000);
    const { statements, unheard, backMs } = await failOverUnderPolls(500);
    const { memberships, catchUp } = statementsOfPolls(statements);
    expect(unheard).to.equal(0);
    // At most one look-up in 100 ms, however slowly the clients of a busy machine arrive.
    expect(memberships, JSON.stringify(statements, null, 1)).to.be.within(1, 3 + backMs / 100);
    expect(catchUp).to.equal(0);
    // The rest is the nodes' own, by time: the attempts for the lock, heartbeats, the node's row, reading the log.
    const all = statements.reduce((sum, { calls }) => sum + calls, 0);
    expect(all - memberships, JSON.stringify(statements, null, 1)).to.be.below(300 + (30 * backMs) / 1000);
  });
});
