import { expect } from 'chai';
import { askedForPolls, herdOver } from './herd-over.ts';

describe('A failover under five hundred waiting polls', () => {
  it('costs the database a handful of queries, and every poll hears what comes after it', async function () {
    this.timeout(180_000);
    const { waiters, statements, unheard } = await herdOver(500);
    const { memberships, catchUp } = askedForPolls(statements);
    expect(unheard).to.equal(0);
    expect(memberships, JSON.stringify(statements, null, 1)).to.be.within(1, 30);
    expect(catchUp).to.equal(0);
    // The rest is the node's own: heartbeats, its row, the lock, its reading of the log. None of it grows with the herd.
    const all = statements.reduce((sum, { calls }) => sum + calls, 0);
    expect(all, JSON.stringify(statements, null, 1)).to.be.below(waiters);
  });
});
