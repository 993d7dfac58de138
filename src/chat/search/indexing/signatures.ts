import { classOf, foldsOf } from '../folding.ts';
import { lazy } from '../lazy.ts';
import type { SearchTerm } from '../search-query.ts';

/**
 * The number of hash values; migrations/0021_search.sql has the same number. A row with two bytes for each fills a page of
 * PostgreSQL.
 */
export const HASHES = 3936;
/** The maximum number of hashes that a search checks: as many as a word of ten letters has. */
const MAX_HASHES = 32;

/** Kinds of n-grams, so that the same characters have different hashes in different kinds. */
const PAIR = 4;
const SENDER = 5;
/**
 * Trigrams have three hashes each: a rare one may collide with frequent ones in one or two of them, but seldom in all. Whole words
 * of one or two letters and signs have five, because a text has few and a search may be for one alone. Sequences of four letters and
 * pairs of signs have one, which is checked in addition to those of their trigrams or signs. Sequences of four letters exclude most
 * texts that have the trigrams of a word only spread over several other words.
 */
const TRIGRAM = [1, 6, 7];
const FOUR_LETTERS = 12;
const SHORT_WORD = [2, 8, 9, 13, 14];
const SINGLE = [3, 10, 11, 15, 16];

const mixed = (hash: number, part: number) => {
  const next = Math.imul(hash ^ part, 0x85ebca6b);
  return next ^ (next >>> 15);
};

/** Returns the hash of an n-gram: up to four code points of one kind. */
function hashOf(kind: number, one: number, other = 0, third = 0, fourth = 0): number {
  const hash = mixed(mixed(mixed(mixed(Math.imul(kind, 0x9e3779b1), one), other), third), fourth);
  return (Math.imul(hash, 0xc2b2ae35) >>> 8) % HASHES;
}

/** Returns the hash of a sender, by which the messages of one person are found. */
export const senderHash = (id: number) => hashOf(SENDER, id % 0x1_0000_0000, Math.floor(id / 0x1_0000_0000));

/** The hashes of a text. The `precise` ones are those of n-grams that fewer texts contain. */
interface Hashes {
  precise: number[];
  others: number[];
}

/** Returns the hashes of a folded text, which may be repeated. */
export function hashesOf(text: string): number[] {
  const { precise, others } = hashed(text, false);
  return precise.concat(others);
}

/**
 * Returns the hashes of a folded text: of each trigram and each four letters of a word, of whole words of one or two letters, of
 * each sign, and of each pair of adjacent signs. `isOpen` is true for a part of a longer text, where the first and the last word
 * may continue: then it returns only hashes that the whole text certainly has.
 */
function hashed(text: string, isOpen: boolean): Hashes {
  const hashes: Hashes = { precise: [], others: [] };
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
    if (kind === 'single') addSigns(hashes, points, start, end);
    else if (kind === 'word' && end - start > 2) addLetters(hashes, points, start, end);
    else if (kind === 'word' && isWhole) {
      const second = end - start === 2 ? points[start + 1] : 0;
      for (const one of SHORT_WORD) hashes.others.push(hashOf(one, points[start] ?? 0, second));
    }
    start = end;
  }
  return hashes;
}

function addLetters({ precise, others }: Hashes, points: readonly number[], start: number, end: number): void {
  for (let at = start + 2; at < end; at++) {
    const first = points[at - 2] ?? 0;
    for (const one of TRIGRAM) others.push(hashOf(one, first, points[at - 1], points[at]));
    if (at + 1 < end) precise.push(hashOf(FOUR_LETTERS, first, points[at - 1], points[at], points[at + 1]));
  }
}

function addSigns({ precise, others }: Hashes, points: readonly number[], start: number, end: number): void {
  for (let at = start; at < end; at++) {
    for (const one of SINGLE) others.push(hashOf(one, points[at] ?? 0));
    if (at > start) precise.push(hashOf(PAIR, points[at - 1] ?? 0, points[at]));
  }
}

/**
 * Returns hashes that every chunk with a matching message has, about equally many from each term, and those that exclude most
 * chunks first.
 */
export function requiredHashes(terms: readonly SearchTerm[], senderId?: number): number[] {
  const each = Math.max(1, Math.floor(MAX_HASHES / terms.length));
  const ofTerms = terms.map(({ text, isWholeWord }) => {
    const { precise, others } = hashed(text, !isWholeWord);
    const first = spread(precise, each);
    return [...first, ...spread(others, each - first.length)];
  });
  const required = new Set<number>();
  for (let n = 0; n < each; n++) {
    for (const { [n]: hash } of ofTerms) if (hash !== undefined) required.add(hash);
  }
  if (senderId !== undefined) required.add(senderHash(senderId));
  return [...required];
}

/** Returns at most `count` of these numbers, each once, from all parts of the list. */
function spread(all: readonly number[], count: number): number[] {
  const each = [...new Set(all)];
  if (each.length <= count) return each;
  return Array.from({ length: count }, (_, n) => each[Math.floor((n * each.length) / count)] ?? 0);
}

/**
 * Identifies how this program hashes texts. It depends on the case folding of the Unicode version of Node.js. Increase the
 * version when this file computes other hashes.
 */
export const indexFormat = lazy(() => formatOf(4));

function formatOf(version: number): number {
  let format = mixed(version, HASHES);
  for (const [point, folded] of foldsOf()) format = mixed(mixed(format, point), folded);
  return format | 0;
}
