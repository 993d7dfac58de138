import { expect } from 'chai';
import { groupChanges } from '../../../../../src/web/home/view/dialogs/groups/group-changes.ts';

const opened = { name: 'Team', description: 'What for', showsReads: false, archived: false };

describe('The settings of a group', () => {
  it('change only what differs from when they were opened', () => {
    expect(groupChanges(opened, { ...opened, name: 'Crew' })).to.deep.equal({ name: 'Crew' });
    const others = { description: '', showsReads: true, archived: true };
    expect(groupChanges(opened, { ...opened, ...others })).to.deep.equal(others);
  });

  it('change nothing if nothing differs', () => {
    expect(groupChanges(opened, { ...opened })).to.equal(undefined);
  });
});
