import { KnownLog } from '../known-log.ts';
import type { EventDecoder } from './event-decoder.ts';
import type { Bounds } from './log-page.ts';
import type { PageReader } from './page-reader.ts';
import { Tail } from './tail.ts';

/**
 * Reads the end of the log into memory, half of the `maxEvents` events that it may hold, so that clients which return to a
 * restarted node find their events there. @throws the database's error.
 */
export async function loadTail(
  pages: PageReader,
  decoder: EventDecoder,
  { floor, head, epochs }: Bounds,
  maxEvents: number,
): Promise<KnownLog> {
  const epoch = epochs.at(-1)?.epoch ?? '';
  let tail = new Tail(Math.max(floor, head - Math.floor(maxEvents / 2)), maxEvents);
  let position = tail.start;
  while (position < head) {
    const { rows } = await pages.next(position, epoch);
    const [first, last] = [rows[0], rows.at(-1)];
    if (!first || !last) break;
    // Retention has removed some of the events since the bounds were read.
    if (first.position > position + 1) tail = new Tail(first.position - 1, maxEvents);
    for (const row of rows) tail.append(decoder.decode(row, epoch));
    position = last.position;
  }
  return new KnownLog(epochs, tail, position);
}
