/** Returns the position in a cursor. Clients must treat cursors as opaque; the checker cannot. */
export function positionOf(cursor: string): number {
  const position = Number(cursor.slice(cursor.lastIndexOf('-') + 1));
  if (!Number.isSafeInteger(position)) throw new Error(`"${cursor}" is not a cursor`);
  return position;
}
