/** Letters whose base is not in Unicode's decompositions. */
const OTHER_FOLDS: Readonly<Record<string, string>> = { ø: 'o', ł: 'l', đ: 'd', ħ: 'h', ŧ: 't', ı: 'i', ς: 'σ' };

/** Returns the form in which names are searched, as plantao.search_name of the nodes: lower case without accents. For short text only. */
export function foldedName(name: string): string {
  const plain = name.normalize('NFKD').replace(/\p{M}/gu, '').toLowerCase();
  return plain.replace(/[øłđħŧıς]/g, (letter) => OTHER_FOLDS[letter] ?? letter);
}
