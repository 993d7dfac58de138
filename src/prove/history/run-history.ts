import { closeSync, createReadStream, mkdirSync, openSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { performance } from 'node:perf_hooks';
import { createInterface } from 'node:readline';
import type { HistoryRecord, UntimedRecord } from './history-record.ts';

/** The buffer is written out at this size. It is the only memory of a history, however long the run. */
const BUFFER_CHARACTERS = 64 * 1024;

/** The file in the folder of a run. */
export const HISTORY_FILE = 'history.ndjson';

/** Writes one run's history as NDJSON. */
export interface RunHistory {
  /** Path of the file. */
  readonly path: string;
  /** The number of posts begun and acknowledged. */
  readonly posts: number;
  readonly acknowledged: number;
  /** Returns the milliseconds since the history began, on the clock of its timestamps. */
  now(): number;
  /** Appends a line with the current time, and returns that time. */
  record(line: UntimedRecord): number;
  /** Records that two nodes were active at the same time; null: none were. */
  recordOverlap(nodes: string | null): void;
  /** Writes out the buffer and closes the file. Idempotent. */
  close(): void;
}

/**
 * Opens a new history file and creates its folder. `onAcknowledged` gets the time of each acknowledged post. Throws if the file
 * cannot be written.
 */
export function openHistory(path: string, onAcknowledged: (time: number) => void = () => undefined): RunHistory {
  mkdirSync(dirname(path), { recursive: true });
  let file: number | null = openSync(path, 'w');
  let buffer: string[] = [];
  let buffered = 0;
  let posts = 0;
  let acknowledged = 0;
  const began = performance.now();
  const now = () => Math.round((performance.now() - began) * 1000) / 1000;
  // Synchronous on purpose: a chunk reaches the page cache in microseconds, and there is no queue that a slow disk could
  // grow without bound.
  const flush = () => {
    if (file !== null && buffered > 0) writeSync(file, buffer.join(''));
    buffer = [];
    buffered = 0;
  };
  const record = (line: UntimedRecord) => {
    const time = now();
    if (line.op === 'post' && line.type === 'invoke') posts += 1;
    if (line.op === 'post' && line.type === 'ok') {
      acknowledged += 1;
      onAcknowledged(time);
    }
    const text = `${JSON.stringify({ ...line, time })}\n`;
    buffer.push(text);
    buffered += text.length;
    if (buffered >= BUFFER_CHARACTERS) flush();
    return time;
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
    record,
    recordOverlap(reason) {
      const line = { op: 'overlap', type: 'fail', process: 'watch', node: null, term: null } as const;
      if (reason !== null) record({ ...line, reason });
    },
    close() {
      flush();
      if (file !== null) closeSync(file);
      file = null;
    },
  };
}

/** Reads a history line by line. Skips a last line that was truncated by a crash. */
export async function* readHistory(path: string): AsyncGenerator<HistoryRecord> {
  let number = 0;
  for await (const line of createInterface({ input: createReadStream(path), crlfDelay: Number.POSITIVE_INFINITY })) {
    number += 1;
    if (line.endsWith('}')) yield parse(line, number);
  }
}

function parse(line: string, number: number): HistoryRecord {
  try {
    const record = JSON.parse(line);
    if (typeof record.op === 'string' && typeof record.time === 'number') return record as HistoryRecord;
  } catch {
    // Named below.
  }
  throw new Error(`line ${number} is not a history record`);
}
