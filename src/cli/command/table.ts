import { printable } from '../../printable.ts';

/** How a cell stands out. */
export type Tone = 'red' | 'yellow' | 'green' | 'dim';

/** A cell: its text, or its text and how it stands out. Null is shown as an empty cell. */
export type Cell = string | number | null | { text: string; tone: Tone | null };

const CODES: Record<Tone, number> = { red: 31, yellow: 33, green: 32, dim: 2 };
const MAX_CELL_LENGTH = 80;

/** Returns `text`, coloured if the terminal has colours. */
export function toned(text: string, tone: Tone | null, hasColours: boolean): string {
  return tone === null || !hasColours ? text : `\x1b[${tone === 'red' ? '1;' : ''}${CODES[tone]}m${text}\x1b[0m`;
}

/** Returns rows as aligned columns under their headings. Numbers are aligned to the right. Columns without values are left out. */
export function table(headings: readonly string[], rows: readonly (readonly Cell[])[], hasColours: boolean): string {
  const cells = rows.map((row) => row.map(shown));
  const used = headings.map((_, at) => cells.some((row) => row[at]?.text !== ''));
  const isNumeric = headings.map((_, at) => rows.every((row) => typeof row[at] === 'number' || row[at] === null));
  const widths = headings.map((heading, at) =>
    Math.max(heading.length, ...cells.map((row) => widthOf(row[at]?.text ?? ''))),
  );
  const lineOf = (row: readonly { text: string; tone: Tone | null }[]) =>
    row
      .map(({ text, tone }, at) => {
        const space = ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(text)));
        const painted = toned(text, tone, hasColours);
        return isNumeric[at] ? space + painted : painted + space;
      })
      .filter((_, at) => used[at])
      .join('  ')
      .trimEnd();
  const head = headings.map((text) => ({ text, tone: 'dim' as const }));
  return [head, ...cells].map(lineOf).join('\n');
}

/** Counts characters, not UTF-16 units; combining marks and wide characters are rare in names. */
const widthOf = (text: string) => [...text].length;

function shown(cell: Cell): { text: string; tone: Tone | null } {
  if (cell === null) return { text: '', tone: null };
  if (typeof cell === 'object') return { text: printable(cell.text, MAX_CELL_LENGTH), tone: cell.tone };
  return { text: printable(String(cell), MAX_CELL_LENGTH), tone: null };
}
