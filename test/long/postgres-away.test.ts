import { setTimeout as pause } from 'node:timers/promises';
import { expect } from 'chai';
import { Scene } from '../failure/scene.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres.ts';

const AWAY_MS = 30_000;
/** What its start, the nodes' own backoff and a busy machine may add. */
const SLACK_MS = 5000;
/** A story is told in sentences, not in a stream. */
const MOST_LINES = 12;

describe('PostgreSQL that is away for half a minute', () => {
  let postgres: OwnPostgres;
  let scene: Scene;

  before(async function () {
    this.timeout(120_000);
    postgres = await startPostgresOfItsOwn();
    scene = await Scene.open({ databaseUrl: postgres.url });
  });
  after(async function () {
    this.timeout(60_000);
    await scene.close();
    await postgres.remove();
  });

  it('finds its nodes waiting: they serve again by themselves, and have told it in a few sentences', async function () {
    this.timeout(120_000);
    await scene.settled();
    const { gap, logOf } = await scene.broken(async () => {
      await postgres.stop();
      await pause(AWAY_MS);
      await postgres.start();
    });
    console.log(`      no post was accepted for ${Math.round(gap.ms)} ms`);
    expect(gap.ms).to.be.within(AWAY_MS, AWAY_MS + SLACK_MS);
    for (const node of scene.nodes) expect(logOf(node).map(({ msg }) => msg)).to.have.length.below(MOST_LINES);
  });
});
