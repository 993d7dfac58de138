import type { ViolationKind } from '../../src/prove/checker/check-result.ts';
import type {
  DeliveredMessage,
  HistoryRecord,
  PostRecord,
  ReadRecord,
  StoredRecord,
} from '../../src/prove/history/history-record.ts';
import type { Random } from '../../src/prove/random.ts';

/** One corruption of a valid history, which the checker must find. */
export interface Corruption {
  name: string;
  /** The violation that must be found. */
  kind: ViolationKind;
  /** Changes the history in place and returns true; returns false if the corruption does not apply. */
  apply(history: HistoryRecord[], random: Random): boolean;
}

export interface DeliveredAt {
  record: ReadRecord;
  index: number;
  delivery: DeliveredMessage;
}

export function deliveries(history: HistoryRecord[]): DeliveredAt[] {
  return history.flatMap((record) =>
    record.op === 'read' ? (record.values ?? []).map((delivery, index) => ({ record, index, delivery })) : [],
  );
}

export function posts(history: HistoryRecord[]): PostRecord[] {
  return history.filter((record) => record.op === 'post');
}

export function stored(history: HistoryRecord[]): StoredRecord[] {
  return history.filter((record) => record.op === 'stored');
}

export function acknowledged(history: HistoryRecord[]): Set<string> {
  return new Set(posts(history).flatMap(({ type, value }) => (type === 'ok' ? [value] : [])));
}

export function withRandomItem<T>(random: Random, from: T[], use: (one: T) => void): boolean {
  if (from.length === 0) return false;
  use(random.pick(from));
  return true;
}

/** Returns a time after the whole history, for records to append. */
export function timeAfter(history: HistoryRecord[]): number {
  return (history.at(-1)?.time ?? 0) + 1;
}
