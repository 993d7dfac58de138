import { expect } from 'chai';
import pino from 'pino';
import { Candidacy } from '../../src/coordination/candidacy.ts';
import { ChangeLogger } from '../../src/coordination/change-logger.ts';

const LEASE_MS = 1000;

describe('An attempt to take the leader lock', () => {
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
      writing: { ready: async () => undefined, unreachableForMs: 0 },
      watching: { query },
      explain: async (error) => error,
      changes: new ChangeLogger(pino({}, { write: (line: string) => void lines.push(JSON.parse(line).msg) })),
      clock: () => now,
    });

  it('does not count as failed if the lock is taken and its holder cannot be read, which is logged once', async () => {
    const candidacy = candidate(async () => {
      throw new Error('permission denied for view lock_holder');
    });
    now += 3 * LEASE_MS;
    for (let tries = 0; tries < 5; tries++) expect(await candidacy.tryAcquire()).to.equal(null);
    expect(candidacy.electionState.failures).to.equal(0);
    expect(lines).to.have.length(1);
    expect(lines[0]).to.match(
      /^no node is seen active, and the holder of the leader lock cannot be read: permission denied/,
    );
  });
});
