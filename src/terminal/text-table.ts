/** Returns a cell as it is printed, for instance in a colour. It must not change the width on the screen. */
type Paint = (text: string, row: number, column: number) => string;

/** Aligns rows of cells: the columns in `rightAligned` to the right, the others to the left. */
export function alignColumns(
  rows: readonly (readonly string[])[],
  rightAligned: readonly number[],
  paint: Paint = (text) => text,
): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => widthOf(row[column] ?? ''))));
  const line = (row: readonly string[], at: number) =>
    row.map((text, column) => {
      const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - widthOf(text)));
      const painted = paint(text, at, column);
      return rightAligned.includes(column) ? space + painted : painted + space;
    });
  return rows.map((row, at) => line(row, at).join('  ').trimEnd()).join('\n');
}

/** Counts characters, not UTF-16 units; combining marks and wide characters are rare in names. */
const widthOf = (text: string) => [...text].length;
