import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Scene } from '../failure/scene.ts';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres/own-postgres.ts';

const DOWN_MS = 30_000;
/** Additional time for its start, the nodes' backoff and a busy machine. */
const SLACK_MS = 5000;
/** Upper limit for the log lines of each node. */
const MAX_LINES = 12;

describe('A PostgreSQL outage of half a minute', () => {
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

  it('ends with nodes that recover by themselves and have logged only a few lines', async function () {
    this.timeout(120_000);
    await scene.untilSettled();
    const { gap, logOf } = await scene.broken(async () => {
      await postgres.stop();
      await sleep(DOWN_MS);
      await postgres.start();
    });
    console.log(`      no post was accepted for ${Math.round(gap.ms)} ms`);
    expect(gap.ms).to.be.within(DOWN_MS, DOWN_MS + SLACK_MS);
    for (const node of scene.nodes) expect(logOf(node).map(({ msg }) => msg)).to.have.length.below(MAX_LINES);
  });
});
