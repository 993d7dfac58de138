interface LogPosition {
  epoch: string;
  position: bigint;
}

function parsePosition(cursor: string): LogPosition | undefined {
  const match = /^(.*)-(\d+)$/.exec(cursor);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { epoch: match[1], position: BigInt(match[2]) };
}

/**
 * Returns true if `cursor` lies after `seen` in the log. Across epochs, or if a cursor has an unknown format, the order is
 * unknown: then every cursor but `seen` itself counts as later, because the node has already checked it.
 */
export function isAfter(cursor: string, seen: string): boolean {
  const position = parsePosition(cursor);
  const last = parsePosition(seen);
  if (position === undefined || last === undefined || position.epoch !== last.epoch) return cursor !== seen;
  return position.position > last.position;
}
