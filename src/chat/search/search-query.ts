import { classOf, fold } from './folding.ts';

/** A text that a message must contain, folded. */
export interface SearchTerm {
  text: string;
  /** One or two letters match only as a whole word, because nearly every message contains them within words. */
  isWholeWord: boolean;
}

/** Maximum number of terms in a query. */
export const MAX_TERMS = 8;

/**
 * Returns the terms of a query: words, or phrases in double quotes. A message must contain all of them, in any order, anywhere in
 * its text. The list is empty if folding leaves nothing of the query.
 */
export function termsOf(query: string): SearchTerm[] {
  const texts = [...query.matchAll(/"([^"]*)"|(\S+)/g)].map(([, phrase, word]) => fold(phrase ?? word ?? '').trim());
  return [...new Set(texts)].filter((text) => text !== '').map((text) => ({ text, isWholeWord: isShortWord(text) }));
}

function isShortWord(text: string): boolean {
  const points = [...text].map((one) => one.codePointAt(0) ?? 0);
  return points.length <= 2 && points.every((point) => classOf(point) === 'word');
}

/** Returns where a folded text contains a term, as indexes into that text. */
export function* occurrences(text: string, term: SearchTerm): Generator<[start: number, end: number]> {
  for (let start = text.indexOf(term.text); start >= 0; start = text.indexOf(term.text, start + 1)) {
    const end = start + term.text.length;
    if (!term.isWholeWord || (!isWordAt(text, start - 1) && !isWordAt(text, end))) yield [start, end];
  }
}

/** Treats letters outside the BMP as word characters: their second half is in no range of symbols. */
const isWordAt = (text: string, at: number) => {
  if (at < 0 || at >= text.length) return false;
  const unit = text.charCodeAt(at);
  const isSecondHalf = unit >= 0xdc00 && unit <= 0xdfff && at > 0;
  return classOf(text.codePointAt(isSecondHalf ? at - 1 : at) ?? 0) === 'word';
};
