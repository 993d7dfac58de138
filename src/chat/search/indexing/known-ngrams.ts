import { CommonNgrams } from './common-ngrams.ts';
import { indexFormat } from './signatures.ts';

/** What the database keeps about the n-grams of an index that this program does not know. */
export interface OtherNgrams {
  format: number;
  common: readonly number[] | null;
}

/**
 * The common n-grams by which the index was made, as a node knows them. The format of the index tells whether it has others now, so
 * that they are read only then.
 */
export class KnownNgrams {
  #common = new CommonNgrams(null);

  get common(): CommonNgrams {
    return this.#common;
  }

  /** The format of an index with these n-grams. */
  get format(): number {
    return indexFormat(this.#common);
  }

  /** Takes over those of the index. Returns false if another version of the program made it. */
  adopt({ format, common: stored }: OtherNgrams): boolean {
    const common = new CommonNgrams(stored);
    if (indexFormat(common) !== format) return false;
    this.#common = common;
    return true;
  }
}
