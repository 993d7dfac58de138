/** Aligns rows of cells: these columns to the right, the others to the left. */
export function table(rows: readonly (readonly string[])[], toTheRight: readonly number[]): string {
  const width = (text: string) => [...text].length;
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => width(row[column] ?? ''))));
  const cell = (text: string, column: number) => {
    const space = ' '.repeat(Math.max(0, (widths[column] ?? 0) - width(text)));
    return toTheRight.includes(column) ? space + text : text + space;
  };
  return rows.map((row) => row.map(cell).join('  ').trimEnd()).join('\n');
}
