import { foldWithStarts } from './folding.ts';
import { occurrences, type SearchTerm } from './search-query.ts';

/** A piece of a message's text; all pieces together are the text. */
export interface TextPart {
  text: string;
  /** True if this piece matches a term. */
  match: boolean;
}

/**
 * The maximum number of matches that are marked in one message: with more, a page of messages found by a short word would be
 * several times as long as their texts.
 */
export const MAX_MATCHES = 100;

/**
 * Cuts a message's text at the first {@link MAX_MATCHES} places where it contains the terms. Returns parts rather than positions,
 * because programming languages count characters differently, and rather than a text with markers, because a message may contain
 * any marker.
 */
export function partsOf(content: string, terms: readonly SearchTerm[]): TextPart[] {
  const { text, starts } = foldWithStarts(content);
  const at = (index: number) => starts[index] ?? content.length;
  const found = terms.flatMap((term) => firstOf(occurrences(text, term))).sort(([one], [other]) => one - other);
  const parts: TextPart[] = [];
  let done = 0;
  const add = (end: number, match: boolean) => {
    if (end <= done) return;
    const last = parts.at(-1);
    const piece = content.slice(done, end);
    if (last?.match === match) last.text += piece;
    else parts.push({ text: piece, match });
    done = end;
  };
  for (const [start, end] of found.slice(0, MAX_MATCHES)) {
    add(at(start), false);
    add(at(end), true);
  }
  add(content.length, false);
  return parts;
}

function firstOf<Match>(all: Iterable<Match>): Match[] {
  const first: Match[] = [];
  for (const match of all) {
    if (first.length === MAX_MATCHES) break;
    first.push(match);
  }
  return first;
}
