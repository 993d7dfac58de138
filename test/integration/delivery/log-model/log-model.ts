import type { LogEvent } from '../../../../src/events/log-event.ts';

/** The expected content of a row of plantao.events, without position and time. */
export interface LogRecord {
  kind: string;
  groupId: number | null;
  userId: number | null;
  messageId: number | null;
  topic: string | null;
}

/** An event of the model's log. */
interface Entry extends LogRecord {
  position: number;
  /** The members of its group at that position. */
  members: ReadonlySet<number>;
  /** The name of its group after the event; null if there is no group, or it was deleted. */
  groupName: string | null;
  /** The position at which the text that it carries was deleted or replaced. */
  goneAt?: number;
}

/** The subscription of a reader: all of a user's groups, or one name or group, as anyone or as a member. */
export interface Reading {
  userId: number | null;
  /** A group's id, a name, or null for all of the user's groups. */
  of: number | string | null;
}

export interface Group {
  readonly id: number;
  name: string;
  showsReads: boolean;
  isDeleted: boolean;
  readonly members: Set<number>;
}

/**
 * The simplest event log: a list, with the members and the name of the group at each position. It has no limited memory,
 * no lagging nodes and no pages.
 */
export class LogModel {
  /** All groups, also deleted ones, in the order of their ids. */
  readonly groups: Group[] = [];
  readonly entries: Entry[] = [];
  /** Highest position that retention has removed. */
  floor: number;
  head: number;

  constructor(head: number) {
    this.floor = head;
    this.head = head;
  }

  /** The groups that are not deleted. */
  get alive(): Group[] {
    return this.groups.filter(({ isDeleted }) => !isDeleted);
  }

  /** Creates a group. No event says so: it has no members yet. */
  create(id: number, name: string, showsReads: boolean): Group {
    const group: Group = { id, name, showsReads, isDeleted: false, members: new Set() };
    this.groups.push(group);
    return group;
  }

  /** Renames a group. Its readers by the old name and those by the new one receive the event. */
  rename(group: Group, name: string): void {
    const topic = group.name;
    group.name = name;
    this.append('group_changed', { groupId: group.id, topic });
  }

  /** Deletes a group. Its members receive the event, also by its name, and leave. Then it has no name, and its texts are gone. */
  delete(group: Group): void {
    group.isDeleted = true;
    this.append('group_deleted', { groupId: group.id, topic: group.name });
    const members = [...group.members].sort((one, other) => one - other);
    for (const userId of members) this.append('left', { groupId: group.id, userId });
  }

  /** Appends an event. A join counts from its own event on, a leave only after its event. */
  append(kind: string, details: Partial<LogRecord> = {}): void {
    this.head += 1;
    const record: LogRecord = { groupId: null, userId: null, messageId: null, topic: null, ...details, kind };
    const group = this.groups.find(({ id }) => id === record.groupId);
    if (kind === 'joined' && record.userId !== null) group?.members.add(record.userId);
    const groupName = group && !group.isDeleted ? group.name : null;
    for (const entry of this.entries) if (endsText(record, entry)) entry.goneAt ??= this.head;
    this.entries.push({ ...record, position: this.head, members: new Set(group?.members), groupName });
    if (kind === 'left' && record.userId !== null) group?.members.delete(record.userId);
  }

  /**
   * Returns what is wrong with a delivery of `events` for everything after `from` up to `to`, or null. A text that was deleted
   * or replaced later than `to` may be missing, if that happened before the read.
   */
  fault(reading: Reading, from: number, to: number, events: readonly Pick<LogEvent, 'position'>[]): string | null {
    if (to < from || to > this.head) return `position ${to} after ${from}, with a head of ${this.head}`;
    const heard = new Set(events.map(({ position }) => position));
    const positions = [...heard];
    if (positions.length !== events.length) return `something twice: ${events.map(({ position }) => position)}`;
    if (positions.some((position, at) => position <= (positions[at - 1] ?? from))) return `out of order: ${positions}`;
    for (const entry of this.entries) {
      const { goneAt } = entry;
      if (entry.position <= from || entry.position > to) continue;
      const may = receives(reading, entry) && (goneAt === undefined || goneAt > to);
      const must = may && goneAt === undefined;
      if (heard.has(entry.position) && !may) return `heard what it must not: ${entry.kind} at ${entry.position}`;
      if (!heard.has(entry.position) && must) return `missed ${entry.kind} at ${entry.position}`;
      heard.delete(entry.position);
    }
    return heard.size > 0 ? `heard what never was: ${[...heard]}` : null;
  }
}

/** Returns true if `later` takes the text that `entry` carries. */
function endsText(later: LogRecord, entry: Entry): boolean {
  const isSent = entry.kind === 'message';
  if (!isSent && entry.kind !== 'message_edited') return false;
  if (later.kind === 'group_deleted') return entry.groupId === later.groupId;
  if (entry.messageId !== later.messageId) return false;
  // A message keeps its place when it is edited, with the new text. Of its edits, only the last one is delivered.
  return later.kind === 'message_deleted' || (later.kind === 'message_edited' && !isSent);
}

/**
 * Returns true if a reader receives an event. Every reader receives a broadcast. A reader that waits for a topic receives what
 * is sent to it. A reader receives the events of the groups that it waits for while its user is a member; a reader without a
 * user counts as a member. A reader of a name waits for the groups that have it before or after the event. A reader of all
 * groups of a user also receives what is about this user.
 */
function receives({ userId, of }: Reading, entry: Entry): boolean {
  const { kind, groupId, groupName, topic } = entry;
  if (kind === 'broadcast') return true;
  if (kind === 'notification' && topic !== null && topic === of) return true;
  if (of === null && entry.userId === userId) return true;
  const isMember = userId === null || entry.members.has(userId);
  return groupId !== null && isMember && (of === null || of === groupId || of === groupName || of === topic);
}
