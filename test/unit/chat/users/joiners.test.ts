import { syncBuiltinESMExports } from 'node:module';
import url from 'node:url';
import { expect } from 'chai';
import { z } from 'zod';
import { hidesCharacters } from '../../../../src/chat/users/names.ts';
import { nameList, username } from '../../../../src/http/contract/text-schemas.ts';
import { HttpError } from '../../../../src/http/http-error.ts';
import { validate } from '../../../../src/http/request/validate.ts';

/** Calls `run` and returns how often the platform was asked about a host name. */
function questionsIn(run: () => void): number {
  const { domainToASCII } = url;
  let questions = 0;
  url.domainToASCII = (text) => {
    questions += 1;
    return domainToASCII(text);
  };
  syncBuiltinESMExports();
  try {
    run();
  } finally {
    url.domainToASCII = domainToASCII;
    syncBuiltinESMExports();
  }
  return questions;
}

const list = z.object({ members: nameList(username, 1000) });
const checkMany = (name: string, count = 1000) =>
  validate(list, { members: Array.from({ length: count }, () => name) });

describe('A joiner in a name', () => {
  it('is allowed exactly where the platform allows it in the name of a host, beside every Arabic and Syriac letter', () => {
    for (let code = 0x600; code < 0x780; code++) {
      const letter = String.fromCodePoint(code);
      if (!/\p{L}/u.test(letter)) continue;
      for (const text of [
        `${letter}\u200cب`,
        `ب\u200c${letter}`,
        `${letter}\u200dب`,
        `${letter}\u064b\u200cب`,
        `${letter}\u200c`,
      ]) {
        expect(hidesCharacters(text), escape(text)).to.equal(url.domainToASCII(text) === '');
      }
    }
  });

  it('is allowed behind every virama, and behind no other mark of a letter that does not join', () => {
    for (const code of [0x94d, 0x9cd, 0xdca, 0x1039, 0x17d2, 0x11046, 0x93c, 0x301, 0x64b]) {
      const mark = String.fromCodePoint(code);
      for (const joiner of ['\u200c', '\u200d']) {
        const text = `क${mark}${joiner}ष`;
        expect(hidesCharacters(text), code.toString(16)).to.equal(url.domainToASCII(text) === '');
      }
    }
  });

  it('costs one look-up for each character, however long the names and the list are', () => {
    const names = [
      'ب\u200c'.repeat(32),
      'علی\u200cرضا',
      'a\u200ca\u200c'.repeat(16),
      '\ufdfa\u200c'.repeat(32),
      'क्\u200d'.repeat(21),
    ];
    const asked = questionsIn(() => {
      for (const name of names) {
        try {
          checkMany(name);
        } catch (error) {
          if (!(error instanceof HttpError)) throw error;
        }
      }
    });
    expect(asked).to.be.below(20);
  });
});

describe('A list of names', () => {
  it('is checked only until there are as many problems as the response can name', () => {
    let checked = 0;
    const counted = z.string().refine(() => {
      checked += 1;
      return false;
    }, 'must be a name');
    expect(() => validate(z.object({ members: nameList(counted, 1000) }), { members: Array(1000).fill('x') }))
      .to.throw(HttpError)
      .with.nested.property('body.details')
      .with.length(20);
    expect(checked).to.equal(20);
  });

  it('reports the index and the first problem of each bad name, and keeps the order of the good ones', () => {
    const problemsOf = (members: unknown[]) => {
      try {
        return validate(list, { members });
      } catch (error) {
        return (error as HttpError).body.details;
      }
    };
    expect(problemsOf(['ana', ' bia ', 'علی\u200cرضا', '👩\u200d💻 devs'])).to.deep.equal({
      members: ['ana', 'bia', 'علی\u200cرضا', '👩\u200d💻 devs'],
    });
    expect(problemsOf(['ana', '', 1, `${'x'.repeat(65)}\u0007`])).to.deep.equal([
      { field: 'members.1', problem: 'must not be empty' },
      { field: 'members.2', problem: 'must be text' },
      { field: 'members.3', problem: 'must have 64 characters or fewer' },
    ]);
  });
});
