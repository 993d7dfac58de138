import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { runCampaign } from '../chaos/campaign.ts';
import { summary } from '../chaos/report.ts';

/** `npm run chaos` is the long run; this is the short one. A fixed seed, so that it fails for what was changed. */
const SEED = Number(process.env.SEED ?? 4);
const FAULTS_FOR_MS = 25_000;

describe('a cluster that is broken at random keeps its promises', () => {
  it(`loses, doubles and reorders nothing, and heals by itself (SEED=${SEED})`, async function () {
    // Start, faults, healing, and readers that come to the end of the log; each has its own limit inside.
    this.timeout(FAULTS_FOR_MS + 240_000);
    const verdict = await runCampaign({
      folder: fileURLToPath(new URL(path.join('../../.chaos', `test-seed-${SEED}`), import.meta.url)),
      seed: SEED,
      durationMs: FAULTS_FOR_MS,
      nodes: 2,
      // Shorter than the default, so that freezes and cuts which outlast it find room in a short run.
      leaseMs: 1000,
      rate: 60,
      only: [],
    });
    expect(verdict.violations, summary(verdict)).to.deep.equal([]);
    expect(verdict.counts.faults, 'faults').to.be.at.least(3);
    expect(verdict.counts.messages, 'acknowledged messages').to.be.at.least(100);
    expect(verdict.counts.sightings, 'sightings').to.be.at.least(verdict.counts.messages);
  });
});
