import type { HistoryRecord, PostRecord, ReadRecord, Sighting, StoredRecord } from './history-record.ts';
import type { Random } from './random.ts';
import type { ViolationKind } from './verdict.ts';

/** One way to doctor a history: changes it in place and answers true, or answers false where it does not apply. */
export interface Corruption {
  name: string;
  /** The violation that must be found. */
  kind: ViolationKind;
  apply(history: HistoryRecord[], random: Random): boolean;
}

export interface Seen {
  record: ReadRecord;
  index: number;
  sighting: Sighting;
}

export function sightings(history: HistoryRecord[]): Seen[] {
  return history.flatMap((record) =>
    record.op === 'read' ? (record.values ?? []).map((sighting, index) => ({ record, index, sighting })) : [],
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

export function pickFrom<T>(random: Random, from: T[], use: (one: T) => void): boolean {
  if (from.length === 0) return false;
  use(random.pick(from));
  return true;
}

/** A time after everything: what is appended stands at the end of the file. */
export function later(history: HistoryRecord[]): number {
  return (history.at(-1)?.time ?? 0) + 1;
}
