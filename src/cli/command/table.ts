import { printable } from '../../log/printable.ts';
import { alignColumns } from '../../terminal/text-table.ts';

/** How a cell stands out. */
export type Tone = 'red' | 'yellow' | 'green' | 'dim';

/** A cell: a text, or a text with a tone. With `isWhole` it is not truncated. Null is shown as an empty cell. */
export type Cell = string | number | null | { text: string; tone: Tone | null; isWhole?: true };

const CODES: Record<Tone, number> = { red: 31, yellow: 33, green: 32, dim: 2 };
const MAX_CELL_LENGTH = 80;

/** Returns `text`, coloured if the terminal has colours. */
export function toned(text: string, tone: Tone | null, hasColours: boolean): string {
  return tone === null || !hasColours ? text : `\x1b[${tone === 'red' ? '1;' : ''}${CODES[tone]}m${text}\x1b[0m`;
}

/** Returns rows as aligned columns under their headings. Numbers are aligned to the right. Columns without values are left out. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[], hasColours: boolean): string {
  const used = [...headings.keys()].filter((at) => rows.some((row) => shown(row[at] ?? null).text !== ''));
  const isNumeric = (at: number) => rows.every((row) => typeof row[at] === 'number' || row[at] === null);
  const head = headings.map((text) => ({ text, tone: 'dim' as const }));
  const cells = [head, ...rows].map((row) => used.map((at) => shown(row[at] ?? null)));
  return alignColumns(
    cells.map((row) => row.map(({ text }) => text)),
    [...used.keys()].filter((column) => isNumeric(used[column] ?? -1)),
    (text, row, column) => toned(text, cells[row]?.[column]?.tone ?? null, hasColours),
  );
}

function shown(cell: Cell): { text: string; tone: Tone | null } {
  if (cell === null) return { text: '', tone: null };
  if (typeof cell === 'object') {
    return { text: printable(cell.text, cell.isWhole ? undefined : MAX_CELL_LENGTH), tone: cell.tone };
  }
  return { text: printable(String(cell), MAX_CELL_LENGTH), tone: null };
}
