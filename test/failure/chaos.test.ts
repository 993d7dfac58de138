import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { runCampaign } from '../chaos/campaign.ts';
import { summary } from '../chaos/report.ts';

/** `npm run chaos` is the long run; this is the short one. A fixed seed, so that it fails for what was changed. */
const SEED = Number(process.env.SEED ?? 4);
const FAULTS_FOR_MS = 12_000;
const LEAST_FAULTS = 4;

describe('a cluster that is broken at random keeps its promises', () => {
  it(`loses, doubles and reorders nothing, and heals by itself (SEED=${SEED})`, async function () {
    // Some twenty seconds; start, faults, healing and the readers' way to the end of the log each have their own limit inside.
    this.timeout(6 * 60_000);
    const verdict = await runCampaign({
      folder: fileURLToPath(new URL(path.join('../../.chaos', `test-seed-${SEED}`), import.meta.url)),
      seed: SEED,
      durationMs: FAULTS_FOR_MS,
      leastFaults: LEAST_FAULTS,
      nodes: 2,
      // Shorter than the default, so that freezes and cuts which outlast it find room in a short run.
      leaseMs: 1000,
      rate: 60,
      only: [],
    });
    expect(verdict.violations, summary(verdict)).to.deep.equal([]);
    // One or the other may not have been possible in its moment, and does not count.
    expect(verdict.counts.faults, 'faults').to.be.at.least(LEAST_FAULTS - 2);
    expect(verdict.counts.messages, 'acknowledged messages').to.be.at.least(100);
    expect(verdict.counts.sightings, 'sightings').to.be.at.least(verdict.counts.messages);
  });
});
