import { expect } from 'chai';
import { FairSemaphore, type QueueKey } from '../../../src/async/fair-semaphore.ts';
import { eventually } from '../../support/eventually.ts';

/** Tasks that end when the test says so, in the order in which the semaphore started them. */
class Tasks {
  readonly started: string[] = [];
  readonly refused: string[] = [];
  readonly #semaphore: FairSemaphore;
  readonly #ends: (() => void)[] = [];

  constructor(limits: { concurrency?: number; queuedPerSource?: number; queued?: number; maxWaitMs?: number } = {}) {
    const all = { concurrency: 1, queuedPerSource: 100, queued: 1000, maxWaitMs: 60_000, ...limits };
    this.#semaphore = new FairSemaphore(all, (why) => new Error(why));
  }

  ask(place: QueueKey, name: string): void {
    const work = () =>
      new Promise<void>((resolve) => {
        this.started.push(name);
        this.#ends.push(resolve);
      });
    this.#semaphore.run(place, work).catch((error) => this.refused.push(`${name}: ${error.message}`));
  }

  /** Ends the running work until none is left. */
  async finish(): Promise<void> {
    for (;;) {
      await new Promise(setImmediate);
      const end = this.#ends.shift();
      if (!end) return;
      end();
    }
  }
}

describe('A fair semaphore', () => {
  it('serves sources in turn, and within a source its subjects', async () => {
    const tasks = new Tasks();
    for (const at of [1, 2, 3, 4]) tasks.ask({ source: 'flood', subject: 'own' }, `flood ${at}`);
    tasks.ask({ source: 'flood', subject: 'neighbour' }, 'neighbour');
    tasks.ask({ source: 'elsewhere', subject: 'ana' }, 'ana');
    await tasks.finish();
    expect(tasks.started).to.deep.equal(['flood 1', 'flood 2', 'ana', 'neighbour', 'flood 3', 'flood 4']);
  });

  it('runs tasks concurrently up to its limit, and only one for each subject of a source', async () => {
    const tasks = new Tasks({ concurrency: 3 });
    for (const [source, subject] of ['aa', 'aa', 'ab', 'ba', 'ca'].map((text) => [...text])) {
      tasks.ask({ source: source ?? '', subject: subject ?? '' }, `${source}${subject}`);
    }
    await new Promise(setImmediate);
    expect(tasks.started).to.deep.equal(['aa', 'ab', 'ba']);
    await tasks.finish();
    expect(tasks.started).to.have.length(5);
  });

  it('rejects the newest request of the longest queue when too many wait for a source, so that a new subject finds a place', async () => {
    const tasks = new Tasks({ queuedPerSource: 3 });
    for (const at of [0, 1, 2, 3, 4]) tasks.ask({ source: 'school', subject: 'flood' }, `flood ${at}`);
    tasks.ask({ source: 'school', subject: 'pupil' }, 'pupil');
    await tasks.finish();
    expect(tasks.refused).to.deep.equal(['flood 4: source', 'flood 3: source']);
    expect(tasks.started).to.include('pupil');
  });

  it('rejects the newest request of the longest source when too many wait in all', async () => {
    const tasks = new Tasks({ queued: 4 });
    for (const at of [0, 1, 2, 3, 4]) tasks.ask({ source: 'flood', subject: String(at) }, `flood ${at}`);
    for (const source of ['a', 'b']) tasks.ask({ source, subject: 'x' }, source);
    await tasks.finish();
    expect(tasks.refused).to.deep.equal(['flood 4: all', 'flood 3: all']);
    expect(tasks.started).to.include.members(['a', 'b']);
  });

  it('rejects a request that has waited too long, and continues', async () => {
    const tasks = new Tasks({ maxWaitMs: 5 });
    tasks.ask({ source: 'a', subject: 'x' }, 'first');
    tasks.ask({ source: 'a', subject: 'x' }, 'second');
    await eventually('the second is refused', async () => tasks.refused.length === 1);
    expect(tasks.refused).to.deep.equal(['second: timeout']);
    tasks.ask({ source: 'a', subject: 'x' }, 'third');
    await tasks.finish();
    expect(tasks.started).to.deep.equal(['first', 'third']);
  });
});
