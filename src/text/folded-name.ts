import { ACCENTS, OTHER_FOLDS } from './accents.ts';

const escaped = (point: number) => `\\u{${point.toString(16)}}`;
const ACCENT = new RegExp(`[${ACCENTS.map(([from, to]) => `${escaped(from)}-${escaped(to)}`).join('')}]`, 'gu');
/** Invisible characters, as in plantao.name_key. */
const INVISIBLE = /(?![\t\n\v\f\r\x85])[\p{Cc}\p{Default_Ignorable_Code_Point}\u2800\ufff9-\ufffb]/gu;

/**
 * Returns the form in which names are searched, as the SQL function plantao.search_name does: lower case without accents. For short
 * text only.
 */
export function foldedName(name: string): string {
  const plain = name.replace(INVISIBLE, '').normalize('NFKD').replace(ACCENT, '').toLowerCase();
  return plain.replace(/[øłđħŧıς]/g, (letter) => OTHER_FOLDS[letter] ?? letter);
}
