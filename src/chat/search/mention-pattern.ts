import type { Ranges } from '../../text/accents.ts';
import { fold } from './folding.ts';
import { classFrom, IGNORED_CLASS, patternOfText, SPACE_CLASS, wordEnds } from './pattern-parts.ts';

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
 * Returns the regular expression for the texts that mention a user: an @ and the name, followed, perhaps after symbols, by a space
 * or the end. Letters of scripts without spaces between words count as symbols. Accents do not matter: @joao mentions João. The
 * chat page has the same rule (web/home/model/text/mentions.ts). Returns null for a name that consists only of marks: once folded,
 * it is empty.
 *
 * Only the current name counts: after a rename, earlier messages mention the user who now has the former name. The service keeps
 * no former names, because they would outlive a deleted account.
 */
export function mentionPatternOf(username: string): string | null {
  const name = fold(username);
  if (name === '') return null;
  const outside = wordEnds() + classFrom(PUNCTUATION);
  const rest = `[${outside}${IGNORED_CLASS}]*(?:$|[${SPACE_CLASS}@])`;
  return `(?:^|[${outside}])[${IGNORED_CLASS}]*@${patternOfText(name)}${rest}`;
}
