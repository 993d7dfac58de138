import type { Epoch } from './cursor.ts';
import type { EventDecoder } from './event-decoder.ts';
import type { Bounds } from './log-page.ts';
import type { PageReader } from './page-reader.ts';
import { Tail } from './tail.ts';

/** The log as a node begins with it: its histories, its newest events, and where it ends. */
export interface LoadedTail {
  epochs: Epoch[];
  tail: Tail;
  head: number;
}

/**
 * Reads the end of the log into memory, half of the `most` events that it may hold, so that clients which come back to a
 * restarted node find their place there. @throws the database's error.
 */
export async function loadTail(
  pages: PageReader,
  decoder: EventDecoder,
  { floor, head, epochs }: Bounds,
  most: number,
): Promise<LoadedTail> {
  const epoch = epochs.at(-1)?.epoch ?? '';
  let tail = new Tail(Math.max(floor, head - Math.floor(most / 2)), most);
  let at = tail.start;
  while (at < head) {
    const { rows } = await pages.next(at, epoch);
    const [first, last] = [rows[0], rows.at(-1)];
    if (!first || !last) break;
    // Retention has removed some of it meanwhile.
    if (first.position > at + 1) tail = new Tail(first.position - 1, most);
    for (const row of rows) tail.append(decoder.decode(row, epoch));
    at = last.position;
  }
  return { epochs, tail, head: at };
}
