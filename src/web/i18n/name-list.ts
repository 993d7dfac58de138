import { currentLocale } from './language.ts';

/** Most characters of a name in a sentence. */
const MAX_LETTERS = 24;

/** Joins parts of a sentence as the language does: `a, b and c`. */
export function joined(parts: readonly string[]): string {
  return new Intl.ListFormat(currentLocale(), { type: 'conjunction' }).format(parts);
}

/** Returns a name for use within a sentence: of bounded length, and isolated, as it may be written from right to left. */
export function nameInSentence(name: string): string {
  const letters = [...name];
  const short = letters.length > MAX_LETTERS ? `${letters.slice(0, MAX_LETTERS - 1).join('')}…` : name;
  return `\u2068${short}\u2069`;
}
