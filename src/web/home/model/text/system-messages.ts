import type { Chat, ChatEvent, GroupEventPage, MemberRole, User } from '../../../../client/index.ts';

/** A change of the group: members joined, left or got another role, or one of its settings changed. */
export type SystemMessage = { key: string; at: string; actor?: User } & (
  | { kind: 'created' | 'joined' | 'left'; users: User[] }
  | { kind: 'role'; users: User[]; role: MemberRole }
  | { kind: 'renamed'; name: string }
  | { kind: 'described' | 'archived' | 'restored' | 'readsShown' | 'readsHidden' }
);

/** The maximum number of system messages that are kept of a group. */
const MAX_KEPT = 500;

/** The latest system messages of a group, in order: from the event log, and those that arrive while the page is open. */
export class SystemMessages {
  #all: readonly SystemMessage[] = [];
  /** The cursor of the oldest event that was read from the log. */
  #oldest: string | undefined;
  #hasOlder = false;

  /** The system messages, the oldest first. */
  get all(): readonly SystemMessage[] {
    return this.#all;
  }

  /** Returns the cursor before which to continue reading, if there may be system messages since `since` that are not loaded. */
  olderThan(since: string): string | undefined {
    return this.#hasOlder && (this.#all[0]?.at ?? '') >= since ? this.#oldest : undefined;
  }

  /**
   * Adds an event of this group. `group` is the group before the event. An event that has been added before changes nothing, nor
   * does one of a direct chat.
   */
  add(event: ChatEvent, group: Chat): void {
    if (!group.direct) this.#set([...this.#all, ...messagesOf(event, group)]);
  }

  /** Shows the system messages of an earlier visit until new ones are loaded. */
  restore(kept: readonly SystemMessage[]): void {
    this.#set([...kept, ...this.#all]);
  }

  /** Adds a page of the log: the newest one first, then older ones. */
  load(page: GroupEventPage, group: Chat): void {
    const found = page.events.flatMap((event) => messagesOf(event, group));
    const first = found[0]?.at;
    const isNewest = this.#oldest === undefined;
    // Messages may be missing between those of an earlier visit and this page.
    if (isNewest && page.has_more && first !== undefined) this.#all = this.#all.filter(({ at }) => at >= first);
    this.#set([...found, ...this.#all]);
    this.#oldest = page.events[0]?.cursor ?? this.#oldest;
    this.#hasOlder = page.has_more && this.#all.length < MAX_KEPT;
  }

  /** After a gap in the stream, forgets all messages: they must be loaded again. */
  clear(): void {
    this.#all = [];
    this.#oldest = undefined;
    this.#hasOlder = false;
  }

  /** Keeps the latest of these, each once. Messages of the same time keep their order. */
  #set(messages: readonly SystemMessage[]): void {
    const byKey = new Map(messages.map((message) => [message.key, message]));
    const inOrder = [...byKey.values()].sort((one, other) => Number(one.at > other.at) - Number(one.at < other.at));
    this.#all = inOrder.slice(-MAX_KEPT);
  }
}

/** Joins consecutive messages that say the same of several users: one user may have added a hundred. */
export function joinSystemMessages(messages: readonly SystemMessage[]): SystemMessage[] {
  const joined: SystemMessage[] = [];
  for (const message of messages) {
    const last = joined.at(-1);
    const isSame =
      last?.kind === message.kind && last.actor?.id === message.actor?.id && !isOwn(last) && !isOwn(message);
    if (isSame && (message.kind === 'joined' || message.kind === 'left') && 'users' in last) {
      joined[joined.length - 1] = { ...last, users: [...last.users, ...message.users] };
    } else joined.push(message);
  }
  return joined;
}

/** Returns true if users joined or left by themselves. */
const isOwn = (message: SystemMessage) =>
  'users' in message && message.actor !== undefined && message.users[0]?.id === message.actor.id;

function messagesOf(event: ChatEvent, group: Chat): SystemMessage[] {
  const nameOf = (id: number) => group.members.find((member) => member.id === id)?.username;
  const about = { key: event.cursor, at: event.at, ...actorIn(event) };
  switch (event.kind) {
    case 'joined':
    case 'left':
    case 'role_changed': {
      const username = event.username ?? nameOf(event.user_id);
      if (username === undefined) return [];
      const users = [{ id: event.user_id, username }];
      if (event.kind === 'role_changed') return [{ ...about, kind: 'role', users, role: event.role }];
      return [{ ...about, kind: 'created' in event ? 'created' : event.kind, users }];
    }
    case 'group_changed': {
      const changed = new Set<string>(event.changed ?? changesOf(event, group));
      /** Each has a key of its own; the name has that of the event. */
      const part = <Kind extends string>(kind: Kind) => ({ ...about, key: `${about.key}/${kind}`, kind });
      return [
        ...(changed.has('name') ? [{ ...about, kind: 'renamed' as const, name: event.name }] : []),
        ...(changed.has('description') ? [part('described')] : []),
        ...(changed.has('archived') ? [part(event.archived ? 'archived' : 'restored')] : []),
        ...(changed.has('shows_reads') ? [part(event.shows_reads ? 'readsShown' : 'readsHidden')] : []),
      ];
    }
    default:
      return [];
  }
}

function actorIn(event: ChatEvent): { actor?: User } {
  if (!('actor_id' in event) || event.actor_id === undefined || event.actor == null) return {};
  return { actor: { id: event.actor_id, username: event.actor } };
}

/** Returns the fields that an event changes: an older node does not list them. */
function changesOf(event: Extract<ChatEvent, { kind: 'group_changed' }>, group: Chat): string[] {
  return (['name', 'description', 'archived', 'shows_reads'] as const).filter((field) => event[field] !== group[field]);
}
