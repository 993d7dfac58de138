import { IGNORED_CLASS, patternOfText, wordEnds } from './pattern-parts.ts';
import type { SearchTerm } from './search-query.ts';

/**
 * Returns a regular expression of PostgreSQL that matches the texts that contain the term once folded. It lists every character,
 * so that the locale does not matter; PostgreSQL matches it in time proportional to the text.
 */
export function patternOf({ text, isWholeWord }: SearchTerm): string {
  const body = patternOfText(text);
  return isWholeWord ? `(?:^|[${wordEnds()}])[${IGNORED_CLASS}]*${body}(?:$|[${wordEnds()}])` : body;
}
