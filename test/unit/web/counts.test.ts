import { expect } from 'chai';
import { chat as english } from '../../../src/web/i18n/en/chat.ts';
import { chat as portuguese } from '../../../src/web/i18n/pt-br/chat.ts';

describe('The number of unread messages', () => {
  it('has one wording in the list, on the button and for screen readers: exact below 1000, and 1000+ where it is capped', () => {
    for (const { unread, newMessages } of [english, portuguese]) {
      for (const [count, shown] of [
        [250, '250'] as const,
        [999, '999'] as const,
        [1000, '1000+'] as const,
        [1007, '1000+'] as const,
      ]) {
        expect(unread(count).split(' ')[0]).to.equal(shown);
        expect(newMessages(count).split(' ')[0]).to.equal(shown);
      }
    }
  });
});
