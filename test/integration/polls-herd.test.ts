import { expect } from 'chai';
import { askedForPolls, herdOver } from './herd-over.ts';

describe('A failover under five hundred waiting polls', () => {
  it('costs the database a handful of queries, and every poll receives the events after it', async function () {
    this.timeout(180_000);
    const { waiters, statements, unheard } = await herdOver(500);
    const { memberships, catchUp } = askedForPolls(statements);
    expect(unheard).to.equal(0);
    expect(memberships, JSON.stringify(statements, null, 1)).to.be.within(1, 30);
    expect(catchUp).to.equal(0);
    // The rest belongs to the node: heartbeats, its row, the lock, reading the log. None of it grows with the herd.
    const all = statements.reduce((sum, { calls }) => sum + calls, 0);
    expect(all, JSON.stringify(statements, null, 1)).to.be.below(waiters);
  });
});
