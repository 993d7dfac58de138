import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { runChaos } from '../chaos/chaos.ts';
import { summary } from '../chaos/report.ts';
import { IS_LONG_RUN } from '../support/run/long-run.ts';

/** A short chaos run (`npm run chaos` is the long one). The seed is fixed, so that a failure points to a code change. */
const SEED = Number(process.env.SEED ?? 4);
const FAULTS_FOR_MS = IS_LONG_RUN ? 12_000 : 5000;
const MIN_FAULTS = IS_LONG_RUN ? 4 : 2;
/** A run lasts until it has had its faults, so a busy machine accepts fewer posts a second, not fewer in all. */
const MIN_MESSAGES = IS_LONG_RUN ? 100 : 40;

describe('A cluster under random faults', () => {
  it(`loses, duplicates and reorders nothing, and recovers by itself (SEED=${SEED})`, async function () {
    // Start, faults, healing and reading to the end each have their own limit.
    this.timeout(6 * 60_000);
    const result = await runChaos({
      folder: fileURLToPath(new URL(path.join('../../.chaos', `test-seed-${SEED}`), import.meta.url)),
      seed: SEED,
      durationMs: FAULTS_FOR_MS,
      minFaults: MIN_FAULTS,
      nodes: 2,
      // Shorter than the default, so that freezes and cuts that outlast it fit into a short run.
      leaseMs: 1000,
      rate: 60,
      only: [],
    });
    expect(result.violations, summary(result)).to.deep.equal([]);
    // Some faults may not have been possible when they were due, and do not count.
    expect(result.counts.faults, 'faults').to.be.at.least(MIN_FAULTS / 2);
    expect(result.counts.messages, 'acknowledged messages').to.be.at.least(MIN_MESSAGES);
    expect(result.counts.deliveries, 'deliveries').to.be.at.least(result.counts.messages);
  });
});
