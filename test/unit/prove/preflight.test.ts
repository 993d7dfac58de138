import { expect } from 'chai';
import { KEPT_SESSIONS } from '../../../src/database/session/connection.ts';
import { needsOf, POOL_SIZE } from '../../../src/prove/database/preflight.ts';

describe('The resources that a run needs', () => {
  it('grow with nodes, minutes and rate', () => {
    const least = needsOf({ nodes: 2, minutes: 1, rate: 40 });
    expect(least.connections).to.be.lessThan(50);
    const sessions = POOL_SIZE + KEPT_SESSIONS.length;
    expect(least.connections, 'the sessions of two nodes and their predecessors').to.be.at.least(4 * sessions);
    expect(needsOf({ nodes: 4, minutes: 1, rate: 40 }).connections).to.be.greaterThan(least.connections);
    expect(needsOf({ nodes: 2, minutes: 10, rate: 40 }).databaseBytes).to.be.greaterThan(least.databaseBytes);
  });
});
