import type { LogEvent } from '../../src/events/log-event.ts';

/** What a row of plantao.events must say, position and time aside. */
export interface LogRecord {
  kind: string;
  groupId: number | null;
  userId: number | null;
  messageId: number | null;
  topic: string | null;
}

/** An event of the model's log: what was told, where, and who was in its group then. */
interface Entry extends LogRecord {
  position: number;
  members: ReadonlySet<number>;
}

/** Who reads: all of a user's groups, or one name or group, as anybody or as a member. */
export interface Reading {
  userId: number | null;
  /** A group's id, a name, or null for all of the user's groups. */
  of: number | string | null;
}

export interface Group {
  id: number;
  name: string;
}

/**
 * The event log as one would write it on paper: a list, and who was a member at each place of it. No memory that is too
 * short, no nodes that lag, no pages.
 */
export class LogModel {
  readonly groups: readonly Group[];
  readonly entries: Entry[] = [];
  /** Highest position that retention has removed. */
  floor: number;
  head: number;
  /** Messages that were deleted, with the position that tells so. */
  readonly deletedAt = new Map<number, number>();
  /** The last edit of each message; and for each edit, the position of the edit or deletion that replaced it. */
  readonly #editedAt = new Map<number, number>();
  readonly #outdatedAt = new Map<number, number>();
  readonly #members: Map<number, Set<number>>;

  constructor(groups: readonly Group[], head: number) {
    this.groups = groups;
    this.floor = head;
    this.head = head;
    this.#members = new Map(groups.map(({ id }) => [id, new Set()]));
  }

  isMember(groupId: number, userId: number): boolean {
    return this.#members.get(groupId)?.has(userId) ?? false;
  }

  append(told: LogRecord): void {
    this.head += 1;
    const members = this.#members.get(told.groupId ?? 0) ?? new Set();
    if (told.kind === 'joined' && told.userId !== null) members.add(told.userId);
    this.entries.push({ ...told, position: this.head, members: new Set(members) });
    if (told.kind === 'left' && told.userId !== null) members.delete(told.userId);
    this.#replaceEdit(told);
    if (told.kind === 'message_deleted' && told.messageId !== null) this.deletedAt.set(told.messageId, this.head);
  }

  #replaceEdit({ kind, messageId }: LogRecord): void {
    if (messageId === null || (kind !== 'message_edited' && kind !== 'message_deleted')) return;
    const earlier = this.#editedAt.get(messageId);
    if (earlier !== undefined) this.#outdatedAt.set(earlier, this.head);
    if (kind === 'message_edited') this.#editedAt.set(messageId, this.head);
  }

  /** The position that tells that the text of an event is gone or replaced; undefined if it is neither. */
  #goneAt({ kind, messageId, position }: Entry): number | undefined {
    return kind === 'message' ? this.deletedAt.get(messageId ?? 0) : this.#outdatedAt.get(position);
  }

  /**
   * What is wrong with hearing `events` of everything after `from` up to `to`; null where nothing is. A message deleted
   * later than `to` may be missing: its text was gone when it was read. So may an edit that was replaced later than `to`.
   */
  fault(reading: Reading, from: number, to: number, events: readonly Pick<LogEvent, 'position'>[]): string | null {
    if (to < from || to > this.head) return `told to go on at ${to}, being at ${from} of ${this.head}`;
    const heard = new Set(events.map(({ position }) => position));
    const positions = [...heard];
    if (positions.length !== events.length) return `something twice: ${events.map(({ position }) => position)}`;
    if (positions.some((position, at) => position <= (positions[at - 1] ?? from))) return `out of order: ${positions}`;
    for (const entry of this.entries) {
      if (entry.position <= from || entry.position > to) continue;
      const goneAt = this.#goneAt(entry);
      const may = this.#hears(reading, entry) && (goneAt === undefined || goneAt > to);
      const must = may && goneAt === undefined;
      if (heard.has(entry.position) && !may) return `heard what it must not: ${entry.kind} at ${entry.position}`;
      if (!heard.has(entry.position) && must) return `missed ${entry.kind} at ${entry.position}`;
      heard.delete(entry.position);
    }
    return heard.size > 0 ? `heard what never was: ${[...heard]}` : null;
  }

  #hears({ userId, of }: Reading, entry: Entry): boolean {
    if (entry.kind === 'broadcast') return true;
    const isMember = userId === null || entry.members.has(userId);
    if (of === null) return entry.userId === userId || (entry.groupId !== null && isMember);
    if (typeof of === 'string' && entry.topic === of) return true;
    const group = this.groups.find(({ id }) => id === entry.groupId);
    return group !== undefined && isMember && (typeof of === 'string' ? group.name === of : group.id === of);
  }
}
