import { expect } from 'chai';
import { groupHash, invitationHash, messageHash, placeIn } from '../../../../src/web/home/model/location.ts';

const TOKEN = `${'to-ken_1'.repeat(5)}abc`;

describe('The place that an address of the chat page names', () => {
  it('is a group, or a message in it', () => {
    expect(placeIn(groupHash(7))).to.deep.equal({ groupId: 7 });
    expect(placeIn(messageHash(7, 9))).to.deep.equal({ groupId: 7, messageId: 9 });
  });

  it('is an invitation', () => {
    const { hash } = new URL(invitationHash(TOKEN), 'http://localhost/home');
    expect(placeIn(hash)).to.deep.equal({ invitation: { token: TOKEN } });
  });

  it('is an invitation without the name in an older link, which was never checked', () => {
    for (const name of ['/Team', '/%E0%A4%A'])
      expect(placeIn(`#invitation-${TOKEN}${name}`), name).to.deep.equal({ invitation: { token: TOKEN } });
  });

  it('is recognised as an invitation even if punctuation follows it in a text', () => {
    for (const punctuation of ['.', ',', ')', '!', ';', ':', "'", '*', '~', '%22', '%3E', '%E2%80%9D.', '**'])
      expect(placeIn(`#invitation-${TOKEN}${punctuation}`), punctuation).to.deep.equal({
        invitation: { token: TOKEN },
      });
  });

  it('is nothing if its invitation has no valid token', () => {
    for (const token of [`${TOKEN}a`, `${TOKEN}_`, TOKEN.slice(1), '', 'x'.repeat(200)])
      expect(placeIn(`#invitation-${token}`), token).to.deep.equal({});
  });
});
