/** Returns the epoch in a cursor: which history of the log it belongs to. */
export function epochOf(cursor: string): string {
  return cursor.slice(0, cursor.lastIndexOf('-'));
}

/** Returns the position in a cursor. Clients must treat cursors as opaque; the checker cannot. */
export function positionOf(cursor: string): number {
  const position = Number(cursor.slice(cursor.lastIndexOf('-') + 1));
  if (!Number.isSafeInteger(position)) throw new Error(`"${cursor}" is not a cursor`);
  return position;
}
