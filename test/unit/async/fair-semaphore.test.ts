import { expect } from 'chai';
import { FairSemaphore, type QueueKey } from '../../../src/async/fair-semaphore.ts';
import { eventually } from '../../support/eventually.ts';

/** Work that the test ends, with the order in which it was started. */
class Bench {
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
    const bench = new Bench();
    for (const at of [1, 2, 3, 4]) bench.ask({ source: 'flood', subject: 'own' }, `flood ${at}`);
    bench.ask({ source: 'flood', subject: 'neighbour' }, 'neighbour');
    bench.ask({ source: 'elsewhere', subject: 'ana' }, 'ana');
    await bench.finish();
    expect(bench.started).to.deep.equal(['flood 1', 'flood 2', 'ana', 'neighbour', 'flood 3', 'flood 4']);
  });

  it('runs tasks concurrently up to its limit, and only one for each subject of a source', async () => {
    const bench = new Bench({ concurrency: 3 });
    for (const [source, subject] of ['aa', 'aa', 'ab', 'ba', 'ca'].map((text) => [...text])) {
      bench.ask({ source: source ?? '', subject: subject ?? '' }, `${source}${subject}`);
    }
    await new Promise(setImmediate);
    expect(bench.started).to.deep.equal(['aa', 'ab', 'ba']);
    await bench.finish();
    expect(bench.started).to.have.length(5);
  });

  it('rejects the newest request of the longest queue when too many wait for a source, so that a new subject finds a place', async () => {
    const bench = new Bench({ queuedPerSource: 3 });
    for (const at of [0, 1, 2, 3, 4]) bench.ask({ source: 'school', subject: 'flood' }, `flood ${at}`);
    bench.ask({ source: 'school', subject: 'pupil' }, 'pupil');
    await bench.finish();
    expect(bench.refused).to.deep.equal(['flood 4: source', 'flood 3: source']);
    expect(bench.started).to.include('pupil');
  });

  it('rejects the newest request of the longest source when too many wait in all', async () => {
    const bench = new Bench({ queued: 4 });
    for (const at of [0, 1, 2, 3, 4]) bench.ask({ source: 'flood', subject: String(at) }, `flood ${at}`);
    for (const source of ['a', 'b']) bench.ask({ source, subject: 'x' }, source);
    await bench.finish();
    expect(bench.refused).to.deep.equal(['flood 4: all', 'flood 3: all']);
    expect(bench.started).to.include.members(['a', 'b']);
  });

  it('rejects a request that has waited too long, and continues', async () => {
    const bench = new Bench({ maxWaitMs: 5 });
    bench.ask({ source: 'a', subject: 'x' }, 'first');
    bench.ask({ source: 'a', subject: 'x' }, 'second');
    await eventually('the second is refused', async () => bench.refused.length === 1);
    expect(bench.refused).to.deep.equal(['second: timeout']);
    bench.ask({ source: 'a', subject: 'x' }, 'third');
    await bench.finish();
    expect(bench.started).to.deep.equal(['first', 'third']);
  });
});
