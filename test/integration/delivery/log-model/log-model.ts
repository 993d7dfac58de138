import type { LogEvent } from '../../../../src/events/log-event.ts';

/** The expected content of a row of plantao.events, without position and time. */
export interface LogRecord {
  kind: string;
  groupId: number | null;
  userId: number | null;
  messageId: number | null;
  topic: string | null;
}

/** An event of the model's log, with its position and the members of its group at that position. */
interface Entry extends LogRecord {
  position: number;
  members: ReadonlySet<number>;
}

/** The subscription of a reader: all of a user's groups, or one name or group, as anyone or as a member. */
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
 * The simplest event log: a list, with the members at each position. It has no limited memory, no lagging nodes and no
 * pages.
 */
export class LogModel {
  readonly groups: readonly Group[];
  readonly entries: Entry[] = [];
  /** Highest position that retention has removed. */
  floor: number;
  head: number;
  /** Deleted messages, with the position of the deletion. */
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

  /** Returns the position at which the text of an event was deleted or replaced, or undefined. */
  #goneAt({ kind, messageId, position }: Entry): number | undefined {
    return kind === 'message' ? this.deletedAt.get(messageId ?? 0) : this.#outdatedAt.get(position);
  }

  /**
   * Returns what is wrong with a delivery of `events` for everything after `from` up to `to`, or null. A message deleted
   * later than `to` may be missing, if its text was deleted before the read. So may an edit that was replaced later.
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
