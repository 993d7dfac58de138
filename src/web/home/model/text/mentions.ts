import { foldedName } from '../../../shared/folded-name.ts';

/** A piece of text: plain, or a mention of a user as it is written. */
export interface Piece {
  text: string;
  /** The mentioned user's name as foldedName() returns it; undefined for plain text. */
  name: string | undefined;
}

/** Most words of a name that a mention is compared with. */
const MAX_WORDS = 3;

/** Splits text at the mentions of these users, given by their folded names: @joao mentions João too. */
export function splitMentions(text: string, names: ReadonlySet<string>): Piece[] {
  const pieces: Piece[] = [];
  let from = 0;
  for (let at = text.indexOf('@'); at >= 0; at = text.indexOf('@', at + 1)) {
    const isWord = at > 0 && /[\p{L}\p{N}_]/u.test(text[at - 1] ?? '');
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
    for (const candidate of [whole, whole.replace(/[^\p{L}\p{N}]+$/u, '')]) {
      if (names.has(foldedName(candidate))) return candidate;
    }
  }
  return undefined;
}
