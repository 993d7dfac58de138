import { lazy } from '../../../lazy.ts';
import { classOf, foldsOf } from '../folding.ts';
import type { SearchTerm } from '../search-query.ts';

/**
 * The number of hash values; migrations/0021_search.sql has the same number. A row of this many bytes fills a page of PostgreSQL.
 */
export const HASHES = 7936;
/** The maximum number of hashes that a search checks: all of a word of ten letters. Each costs a byte of a row that is read anyway. */
const MAX_HASHES = 24;

/** Kinds of n-grams, so that the same characters have different hashes in different kinds. */
const PAIR = 4;
const SENDER = 5;
/**
 * Trigrams, whole words of one or two letters, and signs have three hashes each: a rare one may collide with frequent ones in one
 * or two of them, but hardly in all. A pair of signs has one: those of its two signs are checked with it.
 */
const TRIGRAM = [1, 6, 7];
const SHORT_WORD = [2, 8, 9];
const SINGLE = [3, 10, 11];

const mixed = (hash: number, part: number) => {
  const next = Math.imul(hash ^ part, 0x85ebca6b);
  return next ^ (next >>> 15);
};

/** Returns the hash of an n-gram: up to three code points of one kind. */
function hashOf(kind: number, one: number, other = 0, third = 0): number {
  const hash = mixed(mixed(mixed(Math.imul(kind, 0x9e3779b1), one), other), third);
  return (Math.imul(hash, 0xc2b2ae35) >>> 8) % HASHES;
}

/** Returns the hash of a sender, by which the messages of one person are found. */
export const senderHash = (id: number) => hashOf(SENDER, id % 0x1_0000_0000, Math.floor(id / 0x1_0000_0000));

/**
 * Returns the hashes of a folded text: of each trigram of a word, of whole words of one or two letters, of each sign, and of each
 * pair of adjacent signs. `isOpen` is true for a part of a longer text, where the first and the last word may continue: then it
 * returns only hashes that the whole text certainly has.
 */
export function hashesOf(text: string, isOpen: boolean): number[] {
  const hashes: number[] = [];
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
    if (kind === 'single') addSingles(hashes, points, start, end);
    else if (kind === 'word') {
      for (let at = start + 2; at < end; at++) {
        for (const one of TRIGRAM) hashes.push(hashOf(one, points[at - 2] ?? 0, points[at - 1], points[at]));
      }
      const isWhole = !isOpen || (start > 0 && end < points.length);
      if (end - start <= 2 && isWhole) {
        const second = end - start === 2 ? points[start + 1] : 0;
        for (const one of SHORT_WORD) hashes.push(hashOf(one, points[start] ?? 0, second));
      }
    }
    start = end;
  }
  return hashes;
}

function addSingles(hashes: number[], points: readonly number[], start: number, end: number): void {
  for (let at = start; at < end; at++) {
    for (const one of SINGLE) hashes.push(hashOf(one, points[at] ?? 0));
    if (at > start) hashes.push(hashOf(PAIR, points[at - 1] ?? 0, points[at]));
  }
}

/** Returns hashes that every chunk with a matching message has, about equally many from each term. */
export function requiredHashes(terms: readonly SearchTerm[], senderId?: number): number[] {
  const required = new Set(senderId === undefined ? [] : [senderHash(senderId)]);
  const each = Math.max(1, Math.floor(MAX_HASHES / terms.length));
  for (const { text, isWholeWord } of terms) {
    const hashes = [...new Set(hashesOf(text, !isWholeWord))];
    const count = Math.min(each, hashes.length);
    for (let n = 0; n < count; n++) required.add(hashes[Math.floor((n * hashes.length) / count)] ?? 0);
  }
  return [...required].slice(0, MAX_HASHES);
}

/**
 * Identifies how this program hashes texts. It depends on the case folding of the Unicode version of Node.js. Increase the
 * version when this file computes other hashes.
 */
export const indexFormat = lazy(() => formatOf(3));

function formatOf(version: number): number {
  let format = mixed(version, HASHES);
  for (const [point, folded] of foldsOf()) format = mixed(mixed(format, point), folded);
  return format | 0;
}
