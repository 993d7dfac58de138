import { expect } from 'chai';
import { isAfter } from '../../../src/client/cursor.ts';

describe('A cursor is after another only if it is later in the same log', () => {
  const cases: [string, string, boolean][] = [
    ['a1-10', 'a1-9', true],
    ['a1-9', 'a1-10', false],
    ['a1-9', 'a1-9', false],
    ['a1-18014398509481985', 'a1-18014398509481984', true],
    ['b2-3', 'a1-9', true],
    ['something', 'a1-9', true],
    ['something', 'something', false],
  ];
  for (const [cursor, seen, after] of cases) {
    it(`${cursor} is ${after ? '' : 'not '}after ${seen}`, () => expect(isAfter(cursor, seen)).to.equal(after));
  }
});
