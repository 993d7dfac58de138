import { foldsOf } from '../folding.ts';
import { lazy } from '../lazy.ts';
import type { SearchTerm } from '../search-query.ts';
import type { CommonNgrams } from './common-ngrams.ts';
import { mixed, type NgramKind, visitNgrams } from './ngrams.ts';

/**
 * The number of hash values; migrations/0021_search.sql has the same number. A row with two bytes for each fills a page of
 * PostgreSQL.
 */
export const HASHES = 3936;
/** The maximum number of hashes that a search checks. */
const MAX_HASHES = 32;

/**
 * The number of hashes of an n-gram, from a rare one to the most common ones. A search may be for three letters, one short word or
 * one sign alone: if that is rare, few chunks without it have all its hashes. The longer n-grams are checked in addition to the
 * shorter ones in them, and exclude texts that have those only in several words.
 */
const HASHES_OF: Record<NgramKind, readonly number[]> = {
  shortWord: [8, 3, 2, 2],
  threeLetters: [8, 3, 2, 1],
  fourLetters: [3, 1, 1, 1],
  fiveLetters: [1, 1, 1, 1],
  sign: [8, 3, 2, 2],
  twoSigns: [1, 1, 1, 1],
};

const MOST_HASHES = Math.max(...Object.values(HASHES_OF).flat());

/** Returns the hash with a number of an n-gram. */
const hashOf = (ngram: number, number: number) => (Math.imul(mixed(ngram, number), 0xc2b2ae35) >>> 8) % HASHES;

const SENDER = 0x9e3779b1;
/** Returns the hash of a sender, by which the messages of one person are found. */
export const senderHash = (id: number) =>
  hashOf(mixed(mixed(SENDER, id % 0x1_0000_0000), Math.floor(id / 0x1_0000_0000)), 0);

/** Returns the hashes of a folded text, which may be repeated. */
export function hashesOf(text: string, common: CommonNgrams): number[] {
  const hashes: number[] = [];
  visitNgrams(text, false, (kind, ngram) => {
    const level = common.levelOf(ngram);
    const count = HASHES_OF[kind][level] ?? 0;
    for (let number = 0; number < count; number++) hashes.push(hashOf(ngram, number));
    return level;
  });
  return hashes;
}

/**
 * Returns hashes that every chunk with a matching message has, if possible equally many from each term, and those that exclude most
 * chunks first.
 */
export function requiredHashes(terms: readonly SearchTerm[], common: CommonNgrams, senderId?: number): number[] {
  const ofTerms = terms.map((term) => hashesOfTerm(term, common));
  const required = new Set<number>();
  for (let at = 0; ofTerms.some(({ length }) => at < length); at++) {
    for (const { [at]: hash } of ofTerms) if (hash !== undefined && required.size < MAX_HASHES) required.add(hash);
  }
  if (senderId !== undefined) required.add(senderHash(senderId));
  return [...required];
}

/** Returns the hashes that a term requires, each once: those of rare n-grams first, and of these the first hash of each, then the second. */
function hashesOfTerm({ text, isWholeWord }: SearchTerm, common: CommonNgrams): number[] {
  const byRank: number[][] = [];
  visitNgrams(text, !isWholeWord, (kind, ngram) => {
    const level = common.levelOf(ngram);
    const count = HASHES_OF[kind][level] ?? 0;
    for (let number = 0; number < count; number++) {
      const rank = level * MOST_HASHES + number;
      byRank[rank] ??= [];
      byRank[rank].push(hashOf(ngram, number));
    }
    return level;
  });
  return [...new Set(byRank.flat())];
}

/**
 * Identifies how this program hashes texts. It depends on the case folding of the Unicode version of Node.js, and on which n-grams
 * are common. Increase the version when a text gets other hashes for another reason.
 */
export const indexFormat = (common: CommonNgrams) => mixed(programFormat(), common.digest) | 0;

const programFormat = lazy(() => formatOf(5));

function formatOf(version: number): number {
  let format = mixed(version, HASHES);
  for (const [point, folded] of foldsOf()) format = mixed(mixed(format, point), folded);
  return format;
}
