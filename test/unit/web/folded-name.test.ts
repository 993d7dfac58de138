import { expect } from 'chai';
import { foldedName } from '../../../src/text/folded-name.ts';
import { choosePerson } from '../../../src/web/home/model/person-choice.ts';

describe('A name without case and accents', () => {
  it('is the same for names that differ only in them', () => {
    for (const [one, other] of [
      ['João', 'joao'],
      ['Joa\u0303o', 'JOAO'],
      ['Łukasz Ødegård', 'lukasz odegard'],
      ['\u200bana\u00ad', 'ana'],
    ] as const)
      expect(foldedName(one)).to.equal(other.toLowerCase());
  });

  it('keeps the vowel signs of scripts in which they make another name', () => {
    for (const [one, other] of [
      ['कि', 'की'],
      ['রানি', 'রানা'],
      ['தமிழ்', 'தமழ'],
      ['กิน', 'กัน'],
      ['ကို', 'က'],
    ] as const)
      expect(foldedName(one)).to.not.equal(foldedName(other));
    const kiran = { id: 1, username: 'किरण' };
    expect(choosePerson('करण', [], () => false)).to.deep.equal({ problem: 'unknown' });
    const karan = { id: 2, username: 'करण' };
    expect(choosePerson('किरण ', [kiran, karan], () => false)).to.deep.equal({ user: kiran });
  });
});
