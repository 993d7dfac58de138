interface Place {
  epoch: string;
  position: bigint;
}

function placeOf(cursor: string): Place | undefined {
  const match = /^(.*)-(\d+)$/.exec(cursor);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return { epoch: match[1], position: BigInt(match[2]) };
}

/**
 * True when `cursor` lies after `seen` in the log. Across epochs, or where a cursor has a form that this client does not
 * know, order cannot be told: then everything but the same cursor counts as after it, since the node has checked it.
 */
export function isAfter(cursor: string, seen: string): boolean {
  const place = placeOf(cursor);
  const last = placeOf(seen);
  if (place === undefined || last === undefined || place.epoch !== last.epoch) return cursor !== seen;
  return place.position > last.position;
}
