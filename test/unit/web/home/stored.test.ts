import { expect } from 'chai';
import { removeUserData } from '../../../../src/web/home/model/storage/user-data.ts';
import { type Store, Stored } from '../../../../src/web/shared/stored.ts';
import { memoryStore } from '../../../support/pages/memory-store.ts';

const isText = (value: unknown): value is string => typeof value === 'string';

describe('Values that the page stores on the device', () => {
  it('survive a reload, each under its own name and prefix', () => {
    const store = memoryStore();
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
    const full: Store = { ...memoryStore(), setItem: refuse };
    for (const store of [() => full, refuse]) {
      const values = new Stored(store, 'a.', isText);
      values.set('one', 'first');
      expect([values.get('one'), values.names()]).to.deep.equal(['first', ['one']]);
      values.set('one', undefined);
      expect(values.get('one')).to.equal(undefined);
    }
  });

  it('are removed with the account of their user, and those of others stay', () => {
    const names = [
      'draft.1.7',
      'outbox.1.key',
      'seen.1.chats',
      'draft.11.7',
      'draft.2.1',
      'session',
      'nodes.http://a.1.b',
    ];
    const store = memoryStore(new Map(names.map((name) => [`plantao.${name}`, '1'])));
    removeUserData(() => store, 1);
    const left = Array.from({ length: store.length }, (_, index) => store.key(index)?.replace('plantao.', ''));
    expect(left).to.deep.equal(['draft.11.7', 'draft.2.1', 'session', 'nodes.http://a.1.b']);
  });

  it('are ignored if something else has written them', () => {
    const values = new Map([
      ['a.one', '{'],
      ['a.two', '7'],
    ]);
    const stored = new Stored(() => memoryStore(values), 'a.', isText);
    expect([stored.get('one'), stored.get('two')]).to.deep.equal([undefined, undefined]);
  });
});
