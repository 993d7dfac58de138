import { classOf, FOLDS } from '../folding.ts';
import type { Term } from '../search-query.ts';

/** The number of hashes; migrations/0017_search.sql knows it too. A row with so many bytes fills a page of PostgreSQL. */
export const HASHES = 7936;
/** The most hashes that a search looks for: more do not make it more selective. */
const MOST_HASHES = 8;

/** Sorts of grams, so that equal characters of different sorts have different hashes. */
const TRIGRAM = 1;
const SHORT_WORD = 2;
const SINGLE = 3;
const PAIR = 4;
const SENDER = 5;
/** Each three letters have two hashes: a rare word of three letters may share one with frequent ones, but hardly both. */
const SECOND_TRIGRAM = 6;

const mixed = (hash: number, part: number) => {
  const next = Math.imul(hash ^ part, 0x85ebca6b);
  return next ^ (next >>> 15);
};

/** Returns the hash of a gram: up to three numbers of one sort. */
function hashOf(sort: number, one: number, other = 0, third = 0): number {
  const hash = mixed(mixed(mixed(Math.imul(sort, 0x9e3779b1), one), other), third);
  return (Math.imul(hash, 0xc2b2ae35) >>> 8) % HASHES;
}

/** Returns the hash of a sender, by which the messages of one person are found. */
export const senderHash = (id: number) => hashOf(SENDER, id % 0x1_0000_0000, Math.floor(id / 0x1_0000_0000));

/**
 * Returns the hashes of a folded text: of each three letters that follow each other in a word, of whole words of one or two, of
 * each sign, and of each two signs that follow each other. `isOpen`: the text is a part of another one, in which its first
 * and last word may be longer; only hashes that the other text has too are returned.
 */
export function hashesOf(text: string, isOpen: boolean): number[] {
  const hashes: number[] = [];
  const points: number[] = [];
  // Not by the string's iterator, which makes a string of each character.
  for (let at = 0; at < text.length; at++) {
    const point = text.codePointAt(at) ?? 0;
    points.push(point);
    if (point > 0xffff) at++;
  }
  for (let start = 0; start < points.length; ) {
    const sort = classOf(points[start] ?? 0);
    let end = start + 1;
    while (end < points.length && classOf(points[end] ?? 0) === sort) end++;
    if (sort === 'single') addSingles(hashes, points, start, end);
    else if (sort === 'word') {
      for (let at = start + 2; at < end; at++) {
        hashes.push(hashOf(TRIGRAM, points[at - 2] ?? 0, points[at - 1], points[at]));
        hashes.push(hashOf(SECOND_TRIGRAM, points[at - 2] ?? 0, points[at - 1], points[at]));
      }
      const isWhole = !isOpen || (start > 0 && end < points.length);
      if (end - start === 1 && isWhole) hashes.push(hashOf(SHORT_WORD, points[start] ?? 0));
      if (end - start === 2 && isWhole) hashes.push(hashOf(SHORT_WORD, points[start] ?? 0, points[start + 1]));
    }
    start = end;
  }
  return hashes;
}

function addSingles(hashes: number[], points: readonly number[], start: number, end: number): void {
  for (let at = start; at < end; at++) {
    hashes.push(hashOf(SINGLE, points[at] ?? 0));
    if (at > start) hashes.push(hashOf(PAIR, points[at - 1] ?? 0, points[at]));
  }
}

/** Returns hashes that every chunk has that contains a message with all terms, of each term about as many. */
export function requiredHashes(terms: readonly Term[], senderId?: number): number[] {
  const required = new Set(senderId === undefined ? [] : [senderHash(senderId)]);
  const each = Math.max(1, Math.floor(MOST_HASHES / terms.length));
  for (const { text, isWholeWord } of terms) {
    const hashes = [...new Set(hashesOf(text, !isWholeWord))];
    const count = Math.min(each, hashes.length);
    for (let n = 0; n < count; n++) required.add(hashes[Math.floor((n * hashes.length) / count)] ?? 0);
  }
  return [...required].slice(0, MOST_HASHES);
}

/**
 * Identifies how this program makes hashes of texts: the letters that fold to others depend on the Unicode version of Node.js.
 * A change of what this file does needs another first number.
 */
export const INDEX_FORMAT = formatOf(1);

function formatOf(version: number): number {
  let format = mixed(version, HASHES);
  for (const [point, folded] of FOLDS) format = mixed(mixed(format, point), folded);
  return format | 0;
}
