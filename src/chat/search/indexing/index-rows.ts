import { fold } from '../folding.ts';
import type { CommonNgrams } from './common-ngrams.ts';
import { HASHES, hashesOf, senderHash } from './signatures.ts';

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

/** Number of messages per chunk. A smaller number makes searches more selective and the index larger. */
export const CHUNK = 16;
/** Number of chunks per row: one for each bit of a smallint. */
export const CHUNKS = 16;
/**
 * Messages of a group that are indexed at once, because the row is written again each time. Up to this many of each group are
 * not indexed yet.
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

/** Sets the bits of a message in its chunk. Returns true if that changed the row. */
export function markMessage(
  { slices }: IndexRow,
  chunk: number,
  { sender_id, content }: IndexedMessage,
  common: CommonNgrams,
): boolean {
  const bit = 1 << chunk;
  let isChanged = false;
  const mark = (hash: number) => {
    const before = slices[hash] ?? 0;
    if ((before & bit) !== 0) return;
    slices[hash] = before | bit;
    isChanged = true;
  };
  mark(senderHash(sender_id));
  for (const hash of hashesOf(fold(content), common)) mark(hash);
  return isChanged;
}

/** Appends a chunk to the last of a group's rows, or to a new row after `afterId` if the group has none or it is full. */
export function appendChunk(
  rows: IndexRow[],
  afterId: number,
  chunk: readonly IndexedMessage[],
  common: CommonNgrams,
): void {
  let row = rows.at(-1);
  const last = chunk.at(-1);
  if (!last) return;
  if (!row || row.ends.length >= CHUNKS) {
    row = { groupId: last.group_id, afterId: row?.ends.at(-1) ?? afterId, ends: [], slices: new Int16Array(HASHES) };
    rows.push(row);
  }
  row.ends.push(last.id);
  for (const message of chunk) markMessage(row, row.ends.length - 1, message, common);
}
