import { MAX_TEXT_BYTES } from './signal-seal.ts';

/** A message of one node to the others. `from` is random for each start of a node, and `number` increases with each signal. */
export interface LiveSignal {
  from: string;
  number: number;
  /** The users who are typing, each with the group. */
  typing?: [groupId: number, userId: number][];
  /** The connected users whose id modulo `of` is `part`. */
  online?: { of: number; part: number; ids: number[] };
}

/** The maximum number of users of one node who are shown as connected. */
export const MAX_ONLINE = 50_000;
/** The maximum number of parts into which their ids are divided. */
const MAX_PARTS = 256;
/** Number of bytes of a signal apart from its ids. */
const FRAME_BYTES = 150;

const isId = (value: unknown): value is number => Number.isSafeInteger(value) && (value as number) > 0;

/** Parses a signal and drops its invalid parts. Returns null if the text is not a signal: a newer version may send others. */
export function parseLiveSignal(text: string): LiveSignal | null {
  let value: Partial<LiveSignal> | null;
  try {
    value = JSON.parse(text);
  } catch {
    return null;
  }
  if (typeof value !== 'object' || typeof value?.from !== 'string' || !isId(value.number)) return null;
  const signal: LiveSignal = { from: value.from.slice(0, 32), number: value.number };
  if (Array.isArray(value.typing)) {
    signal.typing = value.typing.filter((pair) => Array.isArray(pair) && isId(pair[0]) && isId(pair[1]));
  }
  const { of, part, ids } = value.online ?? {};
  if (isId(of) && of <= MAX_PARTS && Number.isInteger(part) && Array.isArray(ids)) {
    signal.online = { of, part: part as number, ids: fromDeltas(ids) };
  }
  return signal;
}

/**
 * Divides the ids of connected users by their remainders, so that each part fits one notification and a change of one user
 * changes one part. The ids of a part are sorted, and each is encoded as the difference from the one before.
 */
export function idPartsOf(ids: Iterable<number>): { of: number; part: number; ids: number[] }[] {
  const sorted = [...ids].sort((one, other) => one - other);
  for (let of = 1; ; of *= 2) {
    const parts: number[][] = Array.from({ length: of }, () => []);
    for (const id of sorted) parts[id % of]?.push(id);
    const deltas = parts.map(toDeltas);
    const fits = deltas.every((part) => JSON.stringify(part).length < MAX_TEXT_BYTES - FRAME_BYTES);
    if (fits || of >= MAX_PARTS) return deltas.map((own, part) => ({ of, part, ids: own }));
  }
}

const toDeltas = (ids: number[]) => ids.map((id, at) => id - (ids[at - 1] ?? 0));

function fromDeltas(deltas: unknown[]): number[] {
  const ids: number[] = [];
  let last = 0;
  for (const step of deltas) {
    if (!isId(step)) break;
    last += step;
    ids.push(last);
  }
  return ids;
}
