/**
 * The form in which texts are compared: lower case, without accents and invisible characters, with single spaces. One character
 * becomes one character or none, so that PostgreSQL finds the same with a regular expression on the stored text
 * (search-pattern.ts), in every locale of the database.
 */

import { lazy } from '../../async/lazy.ts';
import { ACCENTS, OTHER_FOLDS, type Ranges } from '../../text/accents.ts';

/** White space and control characters. */
export const SPACES: Ranges = [
  [0x01, 0x20],
  [0x7f, 0xa0],
  [0x1680, 0x1680],
  [0x2000, 0x200a],
  [0x2028, 0x2029],
  [0x202f, 0x202f],
  [0x205f, 0x205f],
  [0x3000, 0x3000],
];

/** Marks that enclose Cyrillic letters, joiners, direction marks, variation selectors. */
const INVISIBLE: Ranges = [
  [0xad, 0xad],
  [0x488, 0x489],
  [0x61c, 0x61c],
  [0x200b, 0x200f],
  [0x202a, 0x202e],
  [0x2060, 0x206f],
  [0xfe00, 0xfe0f],
  [0xfeff, 0xfeff],
  [0xe0100, 0xe01ef],
];

/** Characters that folding removes, in ascending order. */
export const IGNORED: Ranges = [...ACCENTS, ...INVISIBLE].sort(([one], [other]) => one - other);

/** Characters that each count as a word: symbols, emoji, and those of scripts without spaces between words. */
export const SINGLES: Ranges = [
  [0x21, 0x2f],
  [0x3a, 0x40],
  [0x5b, 0x60],
  [0x7b, 0x7e],
  [0xa1, 0xa9],
  [0xab, 0xac],
  [0xae, 0xb1],
  [0xb4, 0xb4],
  [0xb6, 0xb8],
  [0xbb, 0xbb],
  [0xbf, 0xbf],
  [0xd7, 0xd7],
  [0xf7, 0xf7],
  [0xe00, 0xfff],
  [0x1000, 0x109f],
  [0x1100, 0x11ff],
  [0x1780, 0x17ff],
  [0x2010, 0x2027],
  [0x2030, 0x205e],
  [0x20a0, 0x20cf],
  [0x2190, 0x2bff],
  [0x2e00, 0x2fff],
  [0x3001, 0xa4cf],
  [0xac00, 0xd7ff],
  [0xf900, 0xfaff],
  [0xfe30, 0xfe6f],
  [0xff01, 0xff0f],
  [0xff1a, 0xff20],
  [0xff3b, 0xff40],
  [0xff5b, 0xffef],
  [0x1f000, 0x1faff],
  [0x20000, 0x3ffff],
];

/** Ranges that contain letters with accents or cases, and compatibility forms of letters and symbols. */
const FOLDED: Ranges = [
  [0x41, 0x5a],
  [0xaa, 0xba],
  [0xc0, 0x24f],
  [0x370, 0x587],
  [0x10a0, 0x10ff],
  [0x1c90, 0x1cbf],
  [0x1d00, 0x1d7f],
  [0x1e00, 0x1fff],
  [0x2070, 0x209f],
  [0x2100, 0x218f],
  [0xa640, 0xa69f],
  [0xa720, 0xa7ff],
  [0xff01, 0xffef],
  [0x1d400, 0x1d7ff],
];

const isIn = (ranges: Ranges, point: number) => {
  for (const [from, to] of ranges) {
    if (point < from) return false;
    if (point <= to) return true;
  }
  return false;
};

/** A character of a word, one that counts as a word by itself, or a space. */
export type CharacterClass = 'word' | 'single' | 'space';

/** Returns the class of a folded character. */
export function classOf(point: number): CharacterClass {
  if (point < 0x7f) {
    if (point >= 0x61 && point <= 0x7a) return 'word';
    if (point <= 0x20) return 'space';
    return point >= 0x30 && point <= 0x39 ? 'word' : 'single';
  }
  if (isIn(SPACES, point)) return 'space';
  return isIn(SINGLES, point) ? 'single' : 'word';
}

/**
 * Returns the character to which each one folds, for those that change. Computed on first use, so that a node's start does not
 * wait for it.
 */
export const foldsOf: () => ReadonlyMap<number, number> = lazy(() => {
  const folds = new Map<number, number>();
  for (const [from, to] of FOLDED) {
    for (let point = from; point <= to; point++) {
      const folded = foldedLetter(point);
      if (folded === null || folded === point) continue;
      // A symbol stays a symbol: ② is found as ②.
      if (
        classOf(folded) === 'space' ||
        (classOf(folded) === 'word' && point > 0x7f && isIn(SINGLES, point) && !isHalfWidth(point))
      )
        continue;
      folds.set(point, folded);
    }
  }
  return folds;
});

/** Returns true for half-width forms of East Asian letters. */
const isHalfWidth = (point: number) => point >= 0xff66 && point <= 0xffdc;

/** Returns the letter without accents in lower case; null if it is more than one character. */
function foldedLetter(point: number): number | null {
  const plain = (text: string) => [...text.normalize('NFKD')].filter((one) => !isIn(IGNORED, one.codePointAt(0) ?? 0));
  const lower = plain(plain(String.fromCodePoint(point)).join('').toLowerCase());
  if (lower.length !== 1) return null;
  return (OTHER_FOLDS[lower[0] ?? ''] ?? lower[0] ?? '').codePointAt(0) ?? null;
}

/** A folded text, and for each of its UTF-16 units the index in the original where its character begins; the length last. */
export interface Folded {
  text: string;
  starts: number[];
}

const SIMPLE = /^[\x21-\x7e]+(?: [\x21-\x7e]+)*$/;

/** Returns the folded text. */
export function fold(original: string): string {
  return SIMPLE.test(original) ? original.toLowerCase() : foldWithStarts(original).text;
}

/** Returns the folded text with the position of each character in the original. */
export function foldWithStarts(original: string): Folded {
  let text = '';
  const starts: number[] = [];
  const folds = foldsOf();
  for (let at = 0; at < original.length; ) {
    const point = original.codePointAt(at) ?? 0;
    const next = at + (point > 0xffff ? 2 : 1);
    const folded = folds.get(point) ?? point;
    if (folded <= 0x20 || (folded >= 0x7f && isIn(SPACES, folded))) {
      if (!text.endsWith(' ')) {
        text += ' ';
        starts.push(at);
      }
    } else if (!isIn(IGNORED, folded)) {
      const one = String.fromCodePoint(folded);
      text += one;
      for (let unit = 0; unit < one.length; unit++) starts.push(at);
    }
    at = next;
  }
  starts.push(original.length);
  return { text, starts };
}
