import { foldedName } from '../../../../text/folded-name.ts';

/** A piece of text: plain, or a mention of a user as it is written. */
export interface Piece {
  text: string;
  /** The mentioned user's name as foldedName() returns it; undefined for plain text. */
  name: string | undefined;
}

/** Maximum number of words of a mentioned name. */
const MAX_WORDS = 3;

/** Letters of scripts that write no spaces between words: they may stand next to a mention, as punctuation may. */
const UNSPACED =
  '\\u0e00-\\u109f\\u1100-\\u11ff\\u1780-\\u17ff\\u2e00-\\ua4cf\\uac00-\\ud7ff\\uf900-\\ufaff\\uff66-\\uffef\\u{20000}-\\u{3ffff}';
const IN_WORD = `(?![${UNSPACED}])[\\p{L}\\p{N}]`;
/** Accents and invisible characters. */
const IGNORED = '[\\p{M}\\p{Cf}]*';
/** Matches a text that ends within a word. */
const ENDS_IN_WORD = new RegExp(`${IN_WORD}${IGNORED}$`, 'u');
const ENDS_IN_LETTER = new RegExp(`${IN_WORD}$`, 'u');

/**
 * Splits text at the mentions of these users, given by their folded names: @joao mentions João too. Former names do not
 * count (chat/search/search-pattern.ts).
 */
export function splitMentions(text: string, names: ReadonlySet<string>): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    const isWord = ENDS_IN_WORD.test(text.slice(Math.max(from, at - 32), at));
    const name = at < from || isWord ? undefined : nameAt(text.slice(at + 1, at + 1 + MAX_WORDS * 64), names);
    if (name === undefined) continue;
    if (at > from) pieces.push({ text: text.slice(from, at), name: undefined });
    from = at + 1 + name.length;
    pieces.push({ text: text.slice(at, from), name: foldedName(name) });
  }
  if (from < text.length) pieces.push({ text: text.slice(from), name: undefined });
  return pieces;
}

/** Returns true if the text mentions this user, given by the folded name. */
export function mentions(text: string, name: string): boolean {
  return splitMentions(text, new Set([name])).some((piece) => piece.name !== undefined);
}

/** Returns the longest of the names with which the text begins, as it is written there. */
function nameAt(text: string, names: ReadonlySet<string>): string | undefined {
  const words = [...text.matchAll(/[^\s@]+/g)].slice(0, MAX_WORDS).reverse();
  for (const word of words) {
    const whole = text.slice(0, word.index + word[0].length);
    for (const candidate of shortenedToLetter(whole)) {
      const name = foldedName(candidate);
      // A name that consists only of marks folds to nothing, and any punctuation after an @ would match it.
      if (name !== '' && names.has(name)) return candidate;
    }
  }
  return undefined;
}

/** Yields the text, then the text without one more character at its end each time, until it ends in a letter. */
function* shortenedToLetter(text: string): Generator<string> {
  let rest = text;
  while (rest !== '') {
    yield rest;
    if (ENDS_IN_LETTER.test(rest)) return;
    rest = rest.replace(/.$/su, '');
  }
}
