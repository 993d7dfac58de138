import { currentLocale } from './language.ts';

/** Maximum length of a name in a sentence, in characters. */
const MAX_LETTERS = 24;

/** Joins parts of a sentence as the language does: `a, b and c`. */
function joined(parts: readonly string[]): string {
  return new Intl.ListFormat(currentLocale(), { type: 'conjunction' }).format(parts);
}

/** Joins the first `max` names and, if there are more, the text that `others` returns for the number of the rest. */
export function namesAndOthers(
  names: readonly string[],
  count: number,
  { max, others }: { max: number; others: (count: number) => string },
): string {
  const shown = names.slice(0, max).map(nameInSentence);
  const more = count - shown.length;
  return joined(more === 0 ? shown : [...shown, others(more)]);
}

/** Returns a name for use within a sentence: of bounded length, and isolated, as it may be written from right to left. */
function nameInSentence(name: string): string {
  const letters = [...name];
  const short = letters.length > MAX_LETTERS ? `${letters.slice(0, MAX_LETTERS - 1).join('')}…` : name;
  return `\u2068${short}\u2069`;
}
