import { lazy } from '../../async/lazy.ts';
import type { Ranges } from '../../text/accents.ts';
import { classOf, foldsOf, IGNORED, SINGLES, SPACES } from './folding.ts';

const escaped = (point: number) =>
  point > 0xffff ? `\\U${point.toString(16).padStart(8, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`;

/** Returns the characters of these ranges, as they stand between the brackets of a regular expression of PostgreSQL. */
export const classFrom = (ranges: Ranges) => ranges.map(([from, to]) => `${escaped(from)}-${escaped(to)}`).join('');

/** The characters that fold to each character. */
const variants = lazy(() => {
  const variantsOf = new Map<number, number[]>();
  for (const [point, folded] of foldsOf()) variantsOf.set(folded, [...(variantsOf.get(folded) ?? []), point]);
  return variantsOf;
});

/** The characters that are ignored, and those that fold to a space. */
export const IGNORED_CLASS = classFrom(IGNORED);
export const SPACE_CLASS = classFrom(SPACES);
const SPACE = `[${SPACE_CLASS}][${SPACE_CLASS}${IGNORED_CLASS}]*`;

/** Returns the characters that end a word: those that fold to a space or to a character that counts as a word. */
export const wordEnds = lazy(() => SPACE_CLASS + classFrom(SINGLES) + variantsOfSingles());

function variantsOfSingles(): string {
  return [...foldsOf()].flatMap(([point, folded]) => (classOf(folded) === 'word' ? [] : escaped(point))).join('');
}

/** Returns the regular expression for the texts that fold to a text. */
export const patternOfText = (text: string) =>
  [...text].map((one) => (one === ' ' ? SPACE : oneOf(one.codePointAt(0) ?? 0))).join('');

const oneOf = (point: number) =>
  `[${[point, ...(variants().get(point) ?? [])].map(escaped).join('')}][${IGNORED_CLASS}]*`;
