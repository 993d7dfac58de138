import type { Ranges } from '../../accents.ts';
import { lazy } from '../../lazy.ts';
import { classOf, fold, foldsOf, IGNORED, SINGLES, SPACES } from './folding.ts';
import type { SearchTerm } from './search-query.ts';

const escaped = (point: number) =>
  point > 0xffff ? `\\U${point.toString(16).padStart(8, '0')}` : `\\u${point.toString(16).padStart(4, '0')}`;
const classFrom = (ranges: Ranges) => ranges.map(([from, to]) => `${escaped(from)}-${escaped(to)}`).join('');

/** The characters that fold to each character. */
const variants = lazy(() => {
  const variantsOf = new Map<number, number[]>();
  for (const [point, folded] of foldsOf()) variantsOf.set(folded, [...(variantsOf.get(folded) ?? []), point]);
  return variantsOf;
});

const IGNORED_CLASS = classFrom(IGNORED);
const SPACE = `[${classFrom(SPACES)}][${classFrom(SPACES)}${IGNORED_CLASS}]*`;
/** The characters that end a word: those that fold to a space or a sign. */
const end = lazy(() => classFrom([...SPACES, ...SINGLES]) + signVariants());

function signVariants(): string {
  return [...foldsOf()].flatMap(([point, folded]) => (classOf(folded) === 'word' ? [] : escaped(point))).join('');
}

/**
 * Returns a regular expression of PostgreSQL that matches the texts that contain the term once folded. It lists every character,
 * so that the locale does not matter; PostgreSQL matches it in time proportional to the text.
 */
export function patternOf({ text, isWholeWord }: SearchTerm): string {
  const body = bodyOf(text);
  return isWholeWord ? `(?:^|[${end()}])[${IGNORED_CLASS}]*${body}(?:$|[${end()}])` : body;
}

/**
 * Returns the same for the texts that mention a user: an @ and the name, then signs at the most up to the next space. Accents do not
 * matter: @joao mentions João.
 */
export function mentionPatternOf(username: string): string {
  return `(?:^|[${end()}])@${bodyOf(fold(username))}[${end()}]*(?:$|[${classFrom(SPACES)}@])`;
}

const bodyOf = (text: string) =>
  [...text].map((one) => (one === ' ' ? SPACE : oneOf(one.codePointAt(0) ?? 0))).join('');

const oneOf = (point: number) =>
  `[${[point, ...(variants().get(point) ?? [])].map(escaped).join('')}][${IGNORED_CLASS}]*`;
