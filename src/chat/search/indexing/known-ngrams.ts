import { CommonNgrams } from './common-ngrams.ts';
import { indexFormat } from './signatures.ts';

/** The format and the common n-grams of an index, as the database keeps them. */
export interface OtherNgrams {
  format: number;
  common: readonly number[] | null;
}

/**
 * The common n-grams that the index was built with, as this node last read them. It reads them again when the format of the index is
 * another one.
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

  /** Uses those of the index from now on. Returns false, and does nothing, if another version of the program built it. */
  adopt({ format, common: stored }: OtherNgrams): boolean {
    const common = new CommonNgrams(stored);
    if (indexFormat(common) !== format) return false;
    this.#common = common;
    return true;
  }
}
