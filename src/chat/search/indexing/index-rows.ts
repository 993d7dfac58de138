import { HASH_VALUES, visitHashes } from './signatures.ts';

/** A message as the index reads it. */
export interface IndexedMessage {
  id: number;
  group_id: number;
  sender_id: number;
  content: string;
}

/** A row of plantao.message_search (migrations/0021_search.sql). */
export interface IndexRow {
  groupId: number;
  afterId: number;
  /** The last message id of each chunk. */
  ends: number[];
  /** For each hash the chunks that have it: the bit 1 << n for chunk n. */
  slices: Int16Array;
}

/** A row of plantao.search_segments: up to four rows of plantao.message_search. */
export interface Segment {
  groupId: number;
  afterId: number;
  lastId: number;
  /** The number of chunks in its rows. */
  chunks: number;
  /** One bit for each hash, the lowest of a byte first: set if one of the messages has it. */
  bits: Uint8Array;
}

/** A row, and the segment that it belongs to. */
interface Place {
  row: IndexRow;
  segment: Segment;
}

/** Some rows and segments of the index. */
export interface IndexPart {
  rows: IndexRow[];
  segments: Segment[];
}

/** Number of messages per chunk. A smaller number makes searches more selective and the index larger. */
export const CHUNK = 16;
/** Number of chunks per row: one for each bit of a smallint. */
export const CHUNKS = 16;
/** Number of rows per segment, and of their chunks. */
export const SEGMENT_ROWS = 4;
export const SEGMENT_CHUNKS = SEGMENT_ROWS * CHUNKS;
/**
 * Number of messages of a group that are indexed together, because each time rewrites a row. Up to this many messages of each group
 * are not indexed yet.
 */
export const INDEXED_AT_ONCE = 64;
/**
 * The maximum length of a chunk, unless a single message is longer. With more, nearly all bits would be set, and the chunk would
 * match every search.
 */
const CHUNK_LENGTH = 2000;

/** Splits messages, in the order of their ids, into chunks. Leaves out the last few, which are not due yet. */
export function chunksOf(messages: readonly IndexedMessage[]): IndexedMessage[][] {
  const chunks: IndexedMessage[][] = [];
  let length = 0;
  for (const message of messages.slice(0, messages.length - (messages.length % INDEXED_AT_ONCE))) {
    const last = chunks.at(-1);
    length += message.content.length;
    if (last && last.length < CHUNK && length <= CHUNK_LENGTH) last.push(message);
    else {
      chunks.push([message]);
      length = message.content.length;
    }
  }
  return chunks;
}

/** Sets the bits of a message in its chunk and in its segment. Returns true if that changed one. */
export function markMessage(
  { row: { slices }, segment: { bits } }: Place,
  chunk: number,
  message: IndexedMessage,
): boolean {
  const bit = 1 << chunk;
  let isChanged = false;
  visitHashes(message, {
    segment: (hash) => {
      const before = bits[hash >>> 3] ?? 0;
      const after = before | (1 << (hash & 7));
      isChanged ||= after !== before;
      bits[hash >>> 3] = after;
    },
    row: (hash) => {
      const before = slices[hash] ?? 0;
      isChanged ||= (before & bit) === 0;
      slices[hash] = before | bit;
    },
  });
  return isChanged;
}

/**
 * Appends a chunk to a group's last row and last segment, or to new ones if these are full. The first row of a group begins after
 * `afterId`.
 */
export function appendChunk(group: IndexPart, afterId: number, chunk: readonly IndexedMessage[]): void {
  const last = chunk.at(-1);
  if (!last) return;
  const place = placeAfter(group, { groupId: last.group_id, afterId: group.rows.at(-1)?.ends.at(-1) ?? afterId });
  place.row.ends.push(last.id);
  place.segment.lastId = last.id;
  place.segment.chunks++;
  for (const message of chunk) markMessage(place, place.row.ends.length - 1, message);
}

function placeAfter({ rows, segments }: IndexPart, key: { groupId: number; afterId: number }): Place {
  let row = rows.at(-1);
  if (!row || row.ends.length >= CHUNKS) {
    row = { ...key, ends: [], slices: new Int16Array(HASH_VALUES.row) };
    rows.push(row);
  }
  let segment = segments.at(-1);
  if (!segment || segment.chunks >= SEGMENT_CHUNKS) {
    segment = { ...key, lastId: key.afterId, chunks: 0, bits: new Uint8Array(HASH_VALUES.segment / 8) };
    segments.push(segment);
  }
  return { row, segment };
}
