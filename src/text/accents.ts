/** Ranges of code points, both ends included. */
export type Ranges = readonly (readonly [from: number, to: number])[];

/**
 * The marks that are ignored when names and messages are compared: accents, and the points of Hebrew and Arabic. The vowel signs of
 * other scripts count as letters. plantao.search_name removes the same marks.
 */
export const ACCENTS: Ranges = [
  [0x300, 0x36f],
  [0x483, 0x487],
  [0x591, 0x5bd],
  [0x5bf, 0x5bf],
  [0x5c1, 0x5c2],
  [0x5c4, 0x5c5],
  [0x5c7, 0x5c7],
  [0x610, 0x61a],
  [0x640, 0x640],
  [0x64b, 0x65f],
  [0x670, 0x670],
  [0x6d6, 0x6dc],
  [0x6df, 0x6e4],
  [0x6e7, 0x6e8],
  [0x6ea, 0x6ed],
  [0x1ab0, 0x1aff],
  [0x1dc0, 0x1dff],
  [0x20d0, 0x20ff],
  [0xfe20, 0xfe2f],
];

/** Letters that Unicode does not decompose, with their base letters. */
export const OTHER_FOLDS: Readonly<Record<string, string>> = { ø: 'o', ł: 'l', đ: 'd', ħ: 'h', ŧ: 't', ı: 'i', ς: 'σ' };
