import { classOf } from '../folding.ts';

/**
 * The kinds of n-grams: whole words of one or two letters, overlapping parts of longer words, and the characters that count as words
 * by themselves ("symbols": signs, emoji, ideographs), alone and in pairs. The longest ones are in the fewest texts, and come first.
 */
export const NGRAM_KINDS = ['fiveLetters', 'fourLetters', 'threeLetters', 'twoSymbols', 'symbol', 'shortWord'] as const;
/** A kind of n-grams. */
export type NgramKind = (typeof NGRAM_KINDS)[number];

/** Receives an n-gram as a number of 32 bits. */
export type VisitNgram = (kind: NgramKind, ngram: number) => void;

/** Mixes a number into a hash of 32 bits. */
export const mixed = (hash: number, part: number) => {
  const next = Math.imul(hash ^ part, 0x85ebca6b);
  return next ^ (next >>> 15);
};

const SEEDS = Object.fromEntries(NGRAM_KINDS.map((kind, at) => [kind, mixed(at + 1, 0x9e3779b1)])) as Record<
  NgramKind,
  number
>;

/**
 * Visits the n-grams of a folded text, which may be repeated. `isOpen` is true for a part of a longer text, where the first and
 * the last word may continue: then it visits only n-grams that the whole text has in any case.
 */
export function visitNgrams(text: string, isOpen: boolean, visit: VisitNgram): void {
  const points: number[] = [];
  // The string's iterator would create a string for each character.
  for (let at = 0; at < text.length; at++) {
    const point = text.codePointAt(at) ?? 0;
    points.push(point);
    if (point > 0xffff) at++;
  }
  /** Visits the n-grams of a length in a range of the characters. */
  const visitEach = (kind: NgramKind, length: number, start: number, end: number) => {
    for (let first = start; first + length <= end; first++) {
      let ngram = SEEDS[kind];
      for (let at = first; at < first + length; at++) ngram = mixed(ngram, points[at] ?? 0);
      visit(kind, ngram);
    }
  };
  for (let start = 0; start < points.length; ) {
    const kind = classOf(points[start] ?? 0);
    let end = start + 1;
    while (end < points.length && classOf(points[end] ?? 0) === kind) end++;
    const length = end - start;
    const isWhole = !isOpen || (start > 0 && end < points.length);
    if (kind === 'single') {
      visitEach('symbol', 1, start, end);
      visitEach('twoSymbols', 2, start, end);
    } else if (kind === 'word' && length > 2) {
      visitEach('threeLetters', 3, start, end);
      visitEach('fourLetters', 4, start, end);
      visitEach('fiveLetters', 5, start, end);
    } else if (kind === 'word' && isWhole) visitEach('shortWord', length, start, end);
    start = end;
  }
}
