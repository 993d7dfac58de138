import { expect } from 'chai';
import { type Store, Stored } from '../../../src/web/home/model/storage/stored.ts';

const isText = (value: unknown): value is string => typeof value === 'string';

function memory(values = new Map<string, string>()): Store {
  return {
    get length() {
      return values.size;
    },
    key: (index) => [...values.keys()][index] ?? null,
    getItem: (key) => values.get(key) ?? null,
    setItem: (key, value) => void values.set(key, value),
    removeItem: (key) => void values.delete(key),
  };
}

describe('values that the page stores on the device', () => {
  it('survive a reload, each under its own name and prefix', () => {
    const store = memory();
    const values = new Stored(() => store, 'a.', isText);
    values.set('one', 'first');
    values.set('two', 'second');
    values.set('one', undefined);
    new Stored(() => store, 'b.', isText).set('three', 'third');
    const again = new Stored(() => store, 'a.', isText);
    expect([again.names(), again.get('two'), again.get('three')]).to.deep.equal([['two'], 'second', undefined]);
  });

  it('last as long as the page if storage is full or denied', () => {
    const refuse = () => {
      throw new Error('storage is off');
    };
    const full: Store = { ...memory(), setItem: refuse };
    for (const store of [() => full, refuse]) {
      const values = new Stored(store, 'a.', isText);
      values.set('one', 'first');
      expect([values.get('one'), values.names()]).to.deep.equal(['first', ['one']]);
      values.set('one', undefined);
      expect(values.get('one')).to.equal(undefined);
    }
  });

  it('are ignored if something else has written them', () => {
    const values = new Map([
      ['a.one', '{'],
      ['a.two', '7'],
    ]);
    const stored = new Stored(() => memory(values), 'a.', isText);
    expect([stored.get('one'), stored.get('two')]).to.deep.equal([undefined, undefined]);
  });
});
