import { expect } from 'chai';
import { GroupNameCache } from '../../../../src/chat/delivery/group-name-cache.ts';

describe('The cache of group names', () => {
  const cacheOf = (names: Map<number, string>) => {
    const state = { now: 0, queries: 0 };
    const find = async (id: number) => {
      state.queries += 1;
      const name = names.get(id);
      if (name === undefined) throw new Error('group_not_found');
      return name;
    };
    return { state, cache: new GroupNameCache(find, () => state.now) };
  };

  it('looks up a group once for all simultaneous requests, and again after two seconds', async () => {
    const names = new Map([[1, 'Geral']]);
    const { state, cache } = cacheOf(names);
    expect(await Promise.all([cache.nameOf(1), cache.nameOf(1), cache.nameOf(1)])).to.deep.equal(
      Array(3).fill('Geral'),
    );
    expect(state.queries).to.equal(1);
    names.set(1, 'Praia');
    state.now = 1999;
    expect(await cache.nameOf(1)).to.equal('Geral');
    state.now = 2000;
    expect(await cache.nameOf(1)).to.equal('Praia');
  });

  it('does not cache that a group is missing', async () => {
    const names = new Map<number, string>();
    const { cache } = cacheOf(names);
    const refused = await cache.nameOf(1).catch((error) => error.message);
    expect(refused).to.equal('group_not_found');
    names.set(1, 'Nova');
    expect(await cache.nameOf(1)).to.equal('Nova');
  });
});
