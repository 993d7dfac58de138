import { classOf } from '../folding.ts';

/**
 * The kinds of n-grams: whole words of one or two letters, overlapping parts of longer words, and the characters that count as words
 * by themselves ("signs": symbols, emoji, ideographs), alone and in pairs.
 */
const NGRAM_KINDS = ['shortWord', 'threeLetters', 'fourLetters', 'fiveLetters', 'sign', 'twoSigns'] as const;
/** A kind of n-grams. */
export type NgramKind = (typeof NGRAM_KINDS)[number];

/** Receives an n-gram as a number of 32 bits, and returns how common it is: 0 if it is rare. */
export type VisitNgram = (kind: NgramKind, ngram: number) => number;

/** The n-grams of a longer word, and of a sequence of signs, the shortest first. */
const OF_WORD = [
  ['threeLetters', 3],
  ['fourLetters', 4],
  ['fiveLetters', 5],
] as const;
const OF_SIGNS = [
  ['sign', 1],
  ['twoSigns', 2],
] as const;

/** Mixes a number into a hash of 32 bits. */
export const mixed = (hash: number, part: number) => {
  const next = Math.imul(hash ^ part, 0x85ebca6b);
  return next ^ (next >>> 15);
};

const SEEDS = Object.fromEntries(NGRAM_KINDS.map((kind, at) => [kind, mixed(at + 1, 0x9e3779b1)])) as Record<
  NgramKind,
  number
>;

/** Returns the n-gram of a kind with these code points. */
function ngramOf(kind: NgramKind, points: readonly number[], start: number, end: number): number {
  let hash = SEEDS[kind];
  for (let at = start; at < end; at++) hash = mixed(hash, points[at] ?? 0);
  return hash;
}

/**
 * Visits the n-grams of a folded text, which may be repeated. A longer n-gram is visited only if both shorter ones in it are common:
 * texts that contain a rare one seldom lack what is searched for. `isOpen` is true for a part of a longer text, where the first and
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
  for (let start = 0; start < points.length; ) {
    const kind = classOf(points[start] ?? 0);
    let end = start + 1;
    while (end < points.length && classOf(points[end] ?? 0) === kind) end++;
    const isWhole = !isOpen || (start > 0 && end < points.length);
    if (kind === 'single') visitSequence(OF_SIGNS, points, start, end, visit);
    else if (kind === 'word' && end - start > 2) visitSequence(OF_WORD, points, start, end, visit);
    else if (kind === 'word' && isWhole) visit('shortWord', ngramOf('shortWord', points, start, end));
    start = end;
  }
}

function visitSequence(
  kinds: typeof OF_WORD | typeof OF_SIGNS,
  points: readonly number[],
  start: number,
  end: number,
  visit: VisitNgram,
): void {
  /** For each character, whether the next shorter n-gram that begins there is common. */
  const areCommon = new Array<boolean>(end - start + 1).fill(true);
  for (const [kind, length] of kinds) {
    for (let at = start; at + length <= end; at++) {
      const isVisited = areCommon[at - start] && areCommon[at - start + 1];
      areCommon[at - start] = isVisited === true && visit(kind, ngramOf(kind, points, at, at + length)) > 0;
    }
  }
}
