import { lazy } from '../../../async/lazy.ts';
import { fold, foldsOf } from '../folding.ts';
import type { SearchTerm } from '../search-query.ts';
import { mixed, NGRAM_KINDS, type NgramKind, visitNgrams } from './ngrams.ts';

/**
 * The number of hash values at each level of the index; migrations/0021_search.sql has the same numbers. For each value a segment
 * has one bit, and a row two bytes: one bit for each of its chunks. Either fills a page of PostgreSQL.
 */
export const HASH_VALUES = { segment: 64_000, row: 3936 };
/** Hashes of n-grams for each level. */
export type Hashes = Record<keyof typeof HASH_VALUES, number[]>;

/** The maximum number of hashes that a search checks at each level: few segments without a match have sixteen. */
const MAX_HASHES = { segment: 16, row: 32 };

/**
 * The number of hashes of an n-gram at each level. Three letters, a short word and a symbol have many, because a search may
 * consist of one alone: if no message contains it, the segments exclude nearly all of the index. Longer n-grams have one, because
 * a thousand messages contain tens of thousands of them, but only some thousands of three letters. The longest have none in rows:
 * only the rows of segments that have all n-grams are read.
 */
const HASHES_OF: Record<NgramKind | 'sender', Record<keyof Hashes, number>> = {
  fiveLetters: { segment: 1, row: 0 },
  fourLetters: { segment: 1, row: 1 },
  threeLetters: { segment: 6, row: 3 },
  twoSymbols: { segment: 1, row: 1 },
  symbol: { segment: 6, row: 5 },
  shortWord: { segment: 6, row: 5 },
  sender: { segment: 2, row: 1 },
};
const MOST_HASHES = Math.max(...Object.values(HASHES_OF).flatMap((counts) => Object.values(counts)));

const hashOf = (ngram: number, number: number, values: number) =>
  (Math.imul(mixed(ngram, number), 0xc2b2ae35) >>> 8) % values;

/** A sender counts as an n-gram of each message, so that the messages of one person are found. */
const SENDER_SEED = 0x9e3779b1;
const senderNgram = (id: number) => mixed(mixed(SENDER_SEED, id % 0x1_0000_0000), Math.floor(id / 0x1_0000_0000));

/** Visits the hashes of a message at each level, some of them repeatedly. */
export function visitHashes(
  { content, sender_id }: { content: string; sender_id: number },
  visit: Record<keyof Hashes, (hash: number) => void>,
): void {
  const visitNgram = (kind: NgramKind | 'sender', ngram: number) => {
    const { segment, row } = HASHES_OF[kind];
    for (let number = 0; number < segment; number++) visit.segment(hashOf(ngram, number, HASH_VALUES.segment));
    for (let number = 0; number < row; number++) visit.row(hashOf(ngram, number, HASH_VALUES.row));
  };
  visitNgrams(fold(content), false, visitNgram);
  visitNgram('sender', senderNgram(sender_id));
}

/**
 * Returns the hashes that a segment, or a chunk of a row, must have to contain a match: if possible equally many from each term,
 * the most selective first.
 */
export function requiredHashes(terms: readonly SearchTerm[], senderId?: number): Hashes {
  const ofTerms = terms.map(ngramsOfTerm);
  const requiredAt = (level: keyof Hashes): number[] => {
    const each = ofTerms.map((ngrams) => hashesAt(level, ngrams));
    const required = new Set<number>();
    for (let at = 0; each.some(({ length }) => at < length); at++) {
      for (const { [at]: hash } of each)
        if (hash !== undefined && required.size < MAX_HASHES[level]) required.add(hash);
    }
    if (senderId === undefined) return [...required];
    return [...required, ...hashesAt(level, { sender: [senderNgram(senderId)] })];
  };
  return { segment: requiredAt('segment'), row: requiredAt('row') };
}

type Ngrams = Partial<Record<NgramKind | 'sender', number[]>>;

function ngramsOfTerm({ text, isWholeWord }: SearchTerm): Ngrams {
  const ngrams: Ngrams = {};
  visitNgrams(text, !isWholeWord, (kind, ngram) => {
    ngrams[kind] ??= [];
    ngrams[kind].push(ngram);
  });
  return ngrams;
}

/** Returns the hashes of n-grams, each once: the first hash of each, of the longest n-grams first, then the second, and so on. */
function hashesAt(level: keyof Hashes, ngrams: Ngrams): number[] {
  const hashes = new Set<number>();
  for (let number = 0; number < MOST_HASHES; number++) {
    for (const kind of [...NGRAM_KINDS, 'sender'] as const) {
      if (number >= HASHES_OF[kind][level]) continue;
      for (const ngram of ngrams[kind] ?? []) hashes.add(hashOf(ngram, number, HASH_VALUES[level]));
    }
  }
  return [...hashes];
}

/**
 * Identifies how this program hashes texts. It depends on the case folding of the Unicode version of Node.js. Increase the version
 * when a text gets other hashes for another reason.
 */
export const indexFormat = lazy(() => formatOf(7));

function formatOf(version: number): number {
  let format = mixed(mixed(version, HASH_VALUES.segment), HASH_VALUES.row);
  for (const [point, folded] of foldsOf()) format = mixed(mixed(format, point), folded);
  return format | 0;
}
