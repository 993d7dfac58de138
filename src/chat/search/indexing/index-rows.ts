import { fold } from '../folding.ts';
import { HASHES, hashesOf, senderHash } from './signatures.ts';

/** A message as the index reads it. */
export interface IndexedMessage {
  id: number;
  group_id: number;
  sender_id: number;
  content: string;
}

/** A row of plantao.message_search (migrations/0017_search.sql). */
export interface IndexRow {
  groupId: number;
  afterId: number;
  /** The last message id of each chunk. */
  ends: number[];
  slices: Buffer;
}

/** Messages of a chunk. Fewer make a search more exact and its index larger; so many of each group may not be indexed. */
export const CHUNK = 64;
/** Chunks of a row: the bits of a byte. */
export const CHUNKS = 8;
/** A chunk ends before it has more characters than this, unless one message alone has: its signature would match everything. */
const CHUNK_LENGTH = 8000;

/** Splits messages, in the order of their ids, into chunks. The last few, which make no whole chunk yet, are left out. */
export function chunksOf(messages: readonly IndexedMessage[]): IndexedMessage[][] {
  const chunks: IndexedMessage[][] = [];
  let length = 0;
  for (const message of messages.slice(0, messages.length - (messages.length % CHUNK))) {
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
export function markMessage({ slices }: IndexRow, chunk: number, { sender_id, content }: IndexedMessage): boolean {
  const bit = 0x80 >> chunk;
  let isChanged = false;
  const mark = (hash: number) => {
    const before = slices[hash] ?? 0;
    if ((before & bit) !== 0) return;
    slices[hash] = before | bit;
    isChanged = true;
  };
  mark(senderHash(sender_id));
  for (const hash of hashesOf(fold(content), false)) mark(hash);
  return isChanged;
}

/** Appends a chunk to the last of a group's rows, or to a new one after `afterId` if there is none or it is full. */
export function appendChunk(rows: IndexRow[], afterId: number, chunk: readonly IndexedMessage[]): void {
  let row = rows.at(-1);
  const last = chunk.at(-1);
  if (!last) return;
  if (!row || row.ends.length >= CHUNKS) {
    row = { groupId: last.group_id, afterId: row?.ends.at(-1) ?? afterId, ends: [], slices: Buffer.alloc(HASHES) };
    rows.push(row);
  }
  row.ends.push(last.id);
  for (const message of chunk) markMessage(row, row.ends.length - 1, message);
}
