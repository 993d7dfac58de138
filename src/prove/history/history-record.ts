/** The state of an operation: begun, done, certainly refused, or unknown (it may or may not have happened). */
type RecordType = 'invoke' | 'ok' | 'fail' | 'unknown';

/** The fields of every line of a history. */
interface Line {
  type: RecordType;
  /** The writer, reader, fault or observer that did it. A process does one thing at a time. */
  process: string;
  /** Milliseconds on the runner's monotonic clock, with three decimals. Lines are in the order of their times. */
  time: number;
  /** The node that received the request or responded; null if the client chose it. */
  node: string | null;
  /** The term that the node reported in its response, or null. */
  term: number | null;
}

/** A post of a message. `value` is its text, which is unique; posts with the same key share their value. */
export interface PostRecord extends Line {
  op: 'post';
  value: string;
  group: number;
  /** The idempotency key; null for a post that is never retried. */
  key: string | null;
  /** The message id in the response (type ok). */
  message?: number;
  /** The position and the epoch in the cursor of the response (type ok). */
  position?: number;
  epoch?: string;
  /** The durability that the response promised: `local` or `replicated` (type ok). */
  durable?: string;
  /** Status and code, or the code of the socket error (types fail and unknown). */
  reason?: string;
}

/** One message as a reader received it: position in the log, message id, text, group. */
export type DeliveredMessage = [position: number, message: number, value: string, group: number];

/**
 * The records of a reader: invoke once with its groups and start position, ok for each page that it read, fail when its
 * cursor was refused, ok with `resumed` when it then continues from an earlier one, ok with `done` when it has reached the
 * head of the log after the faults.
 */
export interface ReadRecord extends Line {
  op: 'read';
  groups?: number[];
  from?: number;
  values?: DeliveredMessage[];
  done?: boolean;
  /** The cursor that was refused (type fail). */
  cursor?: string;
  reason?: string;
  resumed?: number;
}

/** A fault begins (invoke), is healed (ok), could not be healed (unknown), or could not be injected (fail). */
export interface FaultRecord extends Line {
  op: 'fault';
  kind: string;
  /** True if it hit the active node (type invoke); absent for PostgreSQL. */
  active?: boolean;
  detail?: string;
}

/**
 * The observer read in plantao.leader_terms, on its own connection, that the newest term is `term` and belongs to `node`.
 * At the end of the run, all terms of the table follow in ascending order (process `table`).
 */
export interface TermRecord extends Line {
  op: 'term';
}

/**
 * A message as the database recorded it: a session of `node` inserted it, and `term` was the open term in that
 * transaction. A trigger of the run writes it (rig/database-observer.ts); the run reads it at its end.
 */
export interface StoredRecord extends Line {
  op: 'stored';
  value: string;
  group: number;
  message: number;
  position: number;
}

/** At the end of the run: an epoch of the log, in ascending order, and the position after which it began. */
interface EpochRecord extends Line {
  op: 'epoch';
  epoch: string;
  after: number;
}

/** A node's process exited although the run did not stop it, or exited with an error when the run stopped it. */
interface DeathRecord extends Line {
  op: 'death';
  reason: string;
}

/** Two nodes reported at the same time that they were active. */
interface OverlapRecord extends Line {
  op: 'overlap';
  reason: string;
}

/** The run, and the server that it used. */
export interface RunAbout {
  /** The command that repeats the run. */
  command: string;
  /** The version of Plantão. */
  version: string;
  /** ISO 8601. */
  startedAt: string;
  seed: number;
  nodes: number;
  leaseMs: number;
  rate: number;
  /** How the run reached the servers, without user and password. */
  server: string;
  /** Facts about PostgreSQL in words, in the order of the report. */
  postgres: { name: string; value: string }[];
  /** Sentences for the reader of the report. */
  remarks: string[];
}

/**
 * A run begins (invoke, with `about`), has a remark (unknown), ended (ok), or could not go on to its end (fail): its history
 * is incomplete then.
 */
export interface RunRecord extends Line {
  op: 'run';
  about?: RunAbout;
  reason?: string;
}

/** One line of the history. */
export type HistoryRecord =
  | PostRecord
  | ReadRecord
  | FaultRecord
  | TermRecord
  | StoredRecord
  | EpochRecord
  | DeathRecord
  | OverlapRecord
  | RunRecord;

type WithoutTime<R> = R extends HistoryRecord ? Omit<R, 'time'> : never;

/** A line without its time, which the history adds. */
export type UntimedRecord = WithoutTime<HistoryRecord>;
