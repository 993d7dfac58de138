import { expect } from 'chai';
import { BatchLoader } from '../../../src/async/batch-loader.ts';

describe('A batch loader', () => {
  let loader: BatchLoader<number, string>;
  let batches: number[][];
  const read = async (keys: number[]) => {
    batches.push(keys);
    return (key: number) => `value ${key}`;
  };

  beforeEach(() => {
    loader = new BatchLoader();
    batches = [];
  });

  it('reads all pending keys at once, each key once', async () => {
    const loads = Promise.all([loader.enqueue(1), loader.enqueue(2), loader.enqueue(1)]);
    expect(loader.size).to.equal(2);
    await loader.runBatch(10, read);
    expect(await loads).to.deep.equal(['value 1', 'value 2', 'value 1']);
    expect(batches).to.deep.equal([[1, 2]]);
    expect(loader.size).to.equal(0);
  });

  it('reads no more keys than a batch may have, the oldest first', async () => {
    const loads = Promise.all([1, 2, 3].map((key) => loader.enqueue(key)));
    await loader.runBatch(2, read);
    await loader.runBatch(2, read);
    expect(batches).to.deep.equal([[1, 2], [3]]);
    expect(await loads).to.have.length(3);
  });

  it('takes a key into the next batch if it is requested while a batch with it is running', async () => {
    const first = loader.enqueue(1);
    let second: Promise<string> | undefined;
    await loader.runBatch(10, async (keys) => {
      second = loader.enqueue(1);
      return read(keys);
    });
    expect(loader.size).to.equal(1);
    await loader.runBatch(10, async () => () => 'newer');
    expect([await first, await second]).to.deep.equal(['value 1', 'newer']);
  });

  it('rejects all requests of a batch that fails, and none of the next batch', async () => {
    const loads = Promise.allSettled([loader.enqueue(1), loader.enqueue(2)]);
    await loader.runBatch(10, async () => Promise.reject(new Error('away')));
    expect((await loads).map(({ status }) => status)).to.deep.equal(['rejected', 'rejected']);
    const next = loader.enqueue(1);
    await loader.runBatch(10, read);
    expect(await next).to.equal('value 1');
  });

  it('rejects only the request whose value throws', async () => {
    const loads = Promise.allSettled([loader.enqueue(1), loader.enqueue(2)]);
    await loader.runBatch(10, async () => (key) => {
      if (key === 1) throw new Error('no such key');
      return 'value';
    });
    expect((await loads).map(({ status }) => status)).to.deep.equal(['rejected', 'fulfilled']);
  });

  it('rejects what is pending when its owner stops', async () => {
    const load = loader.enqueue(1).catch((error: Error) => error.message);
    loader.rejectAll(new Error('stopping'));
    expect(await load).to.equal('stopping');
    expect(loader.size).to.equal(0);
  });
});
