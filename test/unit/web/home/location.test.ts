import { expect } from 'chai';
import { groupHash, invitationHash, messageHash, placeIn } from '../../../../src/web/home/model/location.ts';

describe('the place that an address of the chat page names', () => {
  it('is a group, or a message in it', () => {
    expect(placeIn(groupHash(7))).to.deep.equal({ groupId: 7 });
    expect(placeIn(messageHash(7, 9))).to.deep.equal({ groupId: 7, messageId: 9 });
  });

  it('is an invitation with the name of its group, whatever it contains', () => {
    for (const group of ['Equipe', 'a/b #1 100% ?', 'João e “amigos” 🎉']) {
      const hash = new URL(invitationHash('to-ken_1', group), 'http://localhost/home').hash;
      expect(placeIn(hash)).to.deep.equal({ invitation: { token: 'to-ken_1', group } });
    }
  });

  it('is an invitation without a name, if the link is an older one or was changed', () => {
    expect(placeIn('#invitation-to-ken_1')).to.deep.equal({ invitation: { token: 'to-ken_1' } });
    expect(placeIn('#invitation-to-ken_1/%E0%A4%A')).to.deep.equal({ invitation: { token: 'to-ken_1' } });
  });
});
