import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import type { HistoryRecord, UntimedRecord } from './history-record.ts';

/** Written out when so many characters wait: the only memory that a history takes, however long the run. */
const BUFFER_CHARACTERS = 64 * 1024;

/** Writes one run's history as NDJSON. */
export interface History {
  /** Where the file is. */
  readonly path: string;
  /** How many posts have begun, and how many were acknowledged. */
  readonly posts: number;
  readonly acknowledged: number;
  /** Milliseconds since the history began, on the clock that stamps it. */
  now(): number;
  /** Stamps the line with the time and appends it; answers the time. */
  record(line: UntimedRecord): number;
  /** Writes out what waits and closes the file. Twice is fine. */
  close(): void;
}

/** Begins a history in a new file; its folder is made. Throws when it cannot be written. */
export function openHistory(path: string): History {
  mkdirSync(dirname(path), { recursive: true });
  let file: number | null = openSync(path, 'w');
  let buffer: string[] = [];
  let waiting = 0;
  let posts = 0;
  let acknowledged = 0;
  const began = performance.now();
  const now = () => Math.round((performance.now() - began) * 1000) / 1000;
  // Synchronous on purpose: a chunk goes to the page cache in microseconds, and a queue that a slow disk could grow
  // without bound does not exist.
  const flush = () => {
    if (file !== null && waiting > 0) writeSync(file, buffer.join(''));
    buffer = [];
    waiting = 0;
  };
  return {
    path,
    get posts() {
      return posts;
    },
    get acknowledged() {
      return acknowledged;
    },
    now,
    record(line) {
      if (line.op === 'post' && line.type === 'invoke') posts += 1;
      if (line.op === 'post' && line.type === 'ok') acknowledged += 1;
      const time = now();
      const text = `${JSON.stringify({ ...line, time })}\n`;
      buffer.push(text);
      waiting += text.length;
      if (waiting >= BUFFER_CHARACTERS) flush();
      return time;
    },
    close() {
      flush();
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

/** Reads a history back line by line; a last line that a crash cut short is left out. */
export async function* readHistory(path: string): AsyncGenerator<HistoryRecord> {
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.endsWith('}')) yield JSON.parse(line) as HistoryRecord;
  }
}
