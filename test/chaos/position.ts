/** The position in a cursor. Clients must not look into one; the checker has to. */
export function positionOf(cursor: string): number {
  const position = Number(cursor.slice(cursor.lastIndexOf('-') + 1));
  if (!Number.isSafeInteger(position)) throw new Error(`"${cursor}" is not a cursor`);
  return position;
}
