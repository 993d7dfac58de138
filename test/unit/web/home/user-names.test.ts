import { expect } from 'chai';
import { isDeserted, nameOf } from '../../../../src/web/home/model/groups/group-names.ts';
import { shownName } from '../../../../src/web/home/model/user-names.ts';

const me = { id: 7, username: 'ana, the first' };
const direct = { id: 1, direct: true } as Parameters<typeof nameOf>[0];

describe('The names of users on the chat page', () => {
  it('are "Deleted account" for a deleted account, whose name in the database only distinguishes it from others', () => {
    expect(shownName('deleted-12-0a1b2c3d', 12)).to.equal('Deleted account');
    expect(shownName('deleted-12-0a1b2c3d')).to.equal('Deleted account');
  });

  it('are those that users have chosen, even if they look like that of a deleted account', () => {
    for (const name of ['deleted-13-0a1b2c3d', 'deleted-12', 'my deleted-12-0a1b2c3d', 'deleted-12-0a1b2c3d!', 'ana']) {
      expect(shownName(name, 12)).to.equal(name);
    }
  });

  it('name a direct chat after the other user, even when that user has left or deleted the account', () => {
    const bruno = { id: 9, username: 'bruno' };
    expect(nameOf({ ...direct, name: 'ana, the first, bruno', members: [me, bruno] }, me)).to.equal('bruno');
    expect(nameOf({ ...direct, name: 'ana, the first, bruno', members: [me] }, me)).to.equal('bruno');
    expect(nameOf({ ...direct, name: 'alex, ana, the first', members: [me] }, me)).to.equal('alex');
    const name = 'ana, the first, deleted-9-0a1b2c3d';
    expect(nameOf({ ...direct, name, members: [me] }, me)).to.equal('Deleted account');
    expect(isDeserted({ ...direct, name, members: [me] })).to.equal(true);
    expect(isDeserted({ ...direct, direct: false, name, members: [me] })).to.equal(false);
    expect(isDeserted({ ...direct, name: 'ana, the first, bruno', members: [me] })).to.equal(false);
    expect(isDeserted({ ...direct, name, members: [me, { ...bruno, username: 'deleted-9-0a1b2c3d' }] })).to.equal(
      false,
    );
  });
});
