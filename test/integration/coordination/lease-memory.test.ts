import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { Lease } from '../../../src/coordination/lock/lease.ts';
import { eventually } from '../../support/eventually.ts';

const LEASE_MS = 2000;

describe("A node's lease of the leader lock, in memory that two threads share", () => {
  it('is never read as a term with the time of another term, while a second thread begins one term after another', async () => {
    const shared = new Lease({ leaseMs: LEASE_MS });
    const file = new URL('../../../src/coordination/lock/lease.ts', import.meta.url).href;
    // The odd terms begin when their time has expired.
    const program = `
      import { workerData } from 'node:worker_threads';
      import { register } from 'node:module';
      register('tsx/esm', { parentURL: '${file}', data: {} });
      const { Lease } = await import('${file}');
      const lease = new Lease({ leaseMs: ${LEASE_MS}, memory: workerData });
      const now = Number(process.hrtime.bigint()) / 1e6;
      for (let term = 1; ; term++) lease.begin(term, now + (term % 2 === 1 ? -1e9 : 1e9));`;
    const url = new URL(`data:text/javascript,${encodeURIComponent(program)}`);
    const writer = new Worker(url, { execArgv: [], workerData: shared.memory });
    let seen = 0;
    const expired: number[] = [];
    try {
      const thousandWereRead = () => {
        for (let reads = 0; reads < 5000; reads++) {
          const term = shared.heldTerm;
          if (term === null || !shared.isValid(term)) continue;
          seen++;
          if (term % 2 === 1) expired.push(term);
        }
        return seen >= 1000;
      };
      // The thread compiles its program first.
      await eventually('a thousand valid terms were read', thousandWereRead, { within: 30_000 });
    } finally {
      await writer.terminate();
    }
    expect(expired, 'read as valid').to.deep.equal([]);
  });
});
