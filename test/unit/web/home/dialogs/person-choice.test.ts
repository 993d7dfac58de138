import { expect } from 'chai';
import { choosePerson } from '../../../../../src/web/home/model/person-choice.ts';

const user = (id: number, username: string) => ({ id, username });
const [ana, anabel, bruno, joao] = [user(1, 'Ana'), user(2, 'Anabel'), user(3, 'bruno'), user(4, 'João')];

describe('A name that is typed to choose a person', () => {
  const nobody = () => false;

  it('means the person of exactly that name, in any case and spelling', () => {
    expect(choosePerson('ana', [ana, anabel], nobody)).to.deep.equal({ user: ana });
    expect(choosePerson('Joa\u0303o', [joao], nobody)).to.deep.equal({ user: joao });
  });

  it('means the only person whose name contains it', () => {
    expect(choosePerson('run', [bruno], nobody)).to.deep.equal({ user: bruno });
    expect(choosePerson('an', [ana, anabel], ({ id }) => id === ana.id)).to.deep.equal({ user: anabel });
  });

  it('means the only person whose name differs only in its accents', () => {
    const maria = user(5, 'Maria João');
    expect(choosePerson('joao', [joao, maria], nobody)).to.deep.equal({ user: joao });
    expect(choosePerson('joao', [joao, user(6, 'Joáo')], nobody)).to.deep.equal({ problem: 'several' });
    expect(choosePerson('joao', [joao, user(6, 'joao')], nobody)).to.deep.equal({ user: user(6, 'joao') });
    expect(choosePerson('joao', [joao], ({ id }) => id === joao.id)).to.deep.equal({ problem: 'excluded' });
  });

  it('chooses no user if several match, none does, or the user is excluded', () => {
    expect(choosePerson('an', [ana, anabel], nobody)).to.deep.equal({ problem: 'several' });
    expect(choosePerson('zoe', [], nobody)).to.deep.equal({ problem: 'unknown' });
    expect(choosePerson('ana', [ana, anabel], ({ id }) => id === ana.id)).to.deep.equal({ problem: 'excluded' });
    expect(choosePerson('brun', [bruno], () => true)).to.deep.equal({ problem: 'unknown' });
  });
});
