import { expect } from 'chai';
import pino from 'pino';
import { Candidacy } from '../../src/coordination/candidacy.ts';
import { ChangeLogger } from '../../src/coordination/change-logger.ts';

const LEASE_MS = 1000;

describe('A try for the leader lock', () => {
  let lines: string[];
  let now: number;

  beforeEach(() => {
    lines = [];
    now = 1_000_000;
  });

  const candidate = (query: () => Promise<never>) =>
    new Candidacy({
      leaseMs: LEASE_MS,
      lock: { prepare: async () => undefined, tryAcquire: async () => null, holder: async () => null },
      writing: { ready: async () => undefined, closedForMs: 0 },
      watching: { query },
      explain: async (error) => error,
      changes: new ChangeLogger(pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) })),
      clock: () => now,
    });

  it('that found it taken has not failed where who holds it cannot be read: the pace stays calm, and it is said once', async () => {
    const candidacy = candidate(async () => {
      throw new Error('permission denied for view lock_holder');
    });
    now += 3 * LEASE_MS;
    for (let tries = 0; tries < 5; tries++) expect(await candidacy.tryAcquire()).to.equal(null);
    expect(candidacy.electionState.failures).to.equal(0);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(/^no node is seen active, and who holds .* permission denied/);
  });
});
