/** How an operation stands: begun, done, refused for certain, or in doubt (it may or may not have happened). */
export type RecordType = 'invoke' | 'ok' | 'fail' | 'unknown';

/** What every line of a history has. */
interface Line {
  type: RecordType;
  /** Who did it: a writer, a reader, a fault, the witness. One process does one thing at a time. */
  process: string;
  /** Milliseconds on the runner's one monotonic clock, three decimals. Lines stand in the order of their times. */
  time: number;
  /** The node that was asked or that answered; null where the client chose and did not say. */
  node: string | null;
  /** The term that the node gave with its answer, or null. */
  term: number | null;
}

/** A message is posted. `value` is its text, which no other message has; the posts of one key share their value. */
export interface PostRecord extends Line {
  op: 'post';
  value: string;
  group: number;
  /** The idempotency key; null for a post that must never be sent twice. */
  key: string | null;
  /** The message id of the answer (type ok). */
  message?: number;
  /** The position in the cursor of the answer (type ok). */
  position?: number;
  /** Status and code, or the name of the socket's error (types fail and unknown). */
  reason?: string;
}

/** One message as a reader got it: position in the log, message id, text, group. */
export type Sighting = [position: number, message: number, value: string, group: number];

/**
 * A reader's life: invoke once with its groups and the position from which it follows, ok for each page that it read,
 * fail when its cursor was refused, ok with `done` when it has reached the head of the log after the faults.
 */
export interface ReadRecord extends Line {
  op: 'read';
  groups?: number[];
  from?: number;
  values?: Sighting[];
  done?: boolean;
  reason?: string;
}

/** A fault begins (invoke) and is healed (ok), was past healing (unknown), or could not be brought about (fail). */
export interface FaultRecord extends Line {
  op: 'fault';
  kind: string;
  detail?: string;
}

/**
 * The witness saw in plantao.leader_terms, on a connection of its own, that the newest term is `term` and is `node`'s;
 * and at the end of the run all terms of the table, the oldest first (process `table`).
 */
export interface TermRecord extends Line {
  op: 'term';
}

/**
 * What the database itself saw of a message: the session that inserted it belonged to `node`, and `term` was the open
 * one in that transaction. Written by a trigger of the chaos run, read at its end in the order of positions.
 */
export interface StoredRecord extends Line {
  op: 'stored';
  value: string;
  group: number;
  message: number;
  position: number;
}

/** A node's process ended though nobody had asked for it, or did not end in order when asked. */
export interface DeathRecord extends Line {
  op: 'death';
  reason: string;
}

/** One line of the history. */
export type HistoryRecord = PostRecord | ReadRecord | FaultRecord | TermRecord | StoredRecord | DeathRecord;

type WithoutTime<R> = R extends HistoryRecord ? Omit<R, 'time'> : never;

/** A line before the history has given it its time. */
export type UntimedRecord = WithoutTime<HistoryRecord>;
