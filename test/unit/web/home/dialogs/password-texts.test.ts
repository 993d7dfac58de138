import { expect } from 'chai';
import { passwordTexts } from '../../../../../src/web/home/view/dialogs/account/password-texts.ts';
import { dialogs as english } from '../../../../../src/web/i18n/en/dialogs.ts';
import { dialogs as portuguese } from '../../../../../src/web/i18n/pt-br/dialogs.ts';

describe('The texts about a password of the account', () => {
  it('promise no more than it protects with AUTH=open, or before the mode is known', () => {
    for (const auth of ['open', undefined] as const) {
      const { none, set, changed } = passwordTexts(auth);
      expect(set).to.equal('Your password was set. Signing in under your name now requires it.');
      for (const text of [none('ana'), set, changed]) expect(text).to.not.match(/devices|stops/);
    }
    for (const { noPasswordOpen, passwordSetOpen, passwordChangedOpen } of [english, portuguese])
      for (const text of [noPasswordOpen?.('ana'), passwordSetOpen, passwordChangedOpen])
        expect(text)
          .to.be.a('string')
          .and.not.match(/devices|stops|aparelhos|impede/);
  });

  it('say with AUTH=token that other devices were signed out', () => {
    const { set, changed } = passwordTexts('token');
    for (const text of [set, changed]) expect(text).to.contain('Other devices were signed out');
  });
});
