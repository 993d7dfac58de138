import { expect } from 'chai';
import { groupHash, invitationHash, messageHash, placeIn } from '../../../../src/web/home/model/location.ts';

describe('the place that an address of the chat page names', () => {
  it('is a group, or a message in it', () => {
    expect(placeIn(groupHash(7))).to.deep.equal({ groupId: 7 });
    expect(placeIn(messageHash(7, 9))).to.deep.equal({ groupId: 7, messageId: 9 });
  });

  it('is an invitation', () => {
    const { hash } = new URL(invitationHash('to-ken_1'), 'http://localhost/home');
    expect(placeIn(hash)).to.deep.equal({ invitation: { token: 'to-ken_1' } });
  });

  it('is an invitation without the name that an older link has, which nobody has checked', () => {
    expect(placeIn('#invitation-to-ken_1/Team')).to.deep.equal({ invitation: { token: 'to-ken_1' } });
    expect(placeIn('#invitation-to-ken_1/%E0%A4%A')).to.deep.equal({ invitation: { token: 'to-ken_1' } });
  });
});
