import type { Ranges } from '../../text/accents.ts';
import { classOf, fold, foldsOf, IGNORED, SINGLES, SPACES } from './folding.ts';
import { lazy } from './lazy.ts';
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

/** Punctuation of scripts whose words have spaces between them. The search treats it as part of the word. */
const PUNCTUATION: Ranges = [
  [0x589, 0x589],
  [0x5be, 0x5be],
  [0x60c, 0x60c],
  [0x61b, 0x61b],
  [0x61f, 0x61f],
  [0x6d4, 0x6d4],
  [0x964, 0x965],
];

/**
 * Returns the regular expression for the texts that mention a user: an @ and the name, followed by a space or the end, perhaps after
 * signs. Letters of scripts without spaces between words count as signs. Accents do not matter: @joao mentions João. The chat page
 * has the same rule (web/home/model/text/mentions.ts). Returns null for a name that consists only of marks: once folded, it is empty.
 *
 * Only the current name counts: after a rename, earlier messages mention the user who now has the former name. The service keeps no
 * former names, because they would outlive a deleted account.
 */
export function mentionPatternOf(username: string): string | null {
  const name = fold(username);
  if (name === '') return null;
  const outside = end() + classFrom(PUNCTUATION);
  const rest = `[${outside}${IGNORED_CLASS}]*(?:$|[${classFrom(SPACES)}@])`;
  return `(?:^|[${outside}])[${IGNORED_CLASS}]*@${bodyOf(name)}${rest}`;
}

const bodyOf = (text: string) =>
  [...text].map((one) => (one === ' ' ? SPACE : oneOf(one.codePointAt(0) ?? 0))).join('');

const oneOf = (point: number) =>
  `[${[point, ...(variants().get(point) ?? [])].map(escaped).join('')}][${IGNORED_CLASS}]*`;
