import { SingleFlight } from '../../../../async/single-flight.ts';
import { type Chat, type ChatEvent, isAfter, type Message, NO_DEADLINE, type User } from '../../../../client/index.ts';
import { foldedName } from '../../../../text/folded-name.ts';
import type { ChatContext } from '../chat-context.ts';
import type { OnlineUsers } from '../live/online-users.ts';
import { Conversation } from '../messages/conversation.ts';
import type { Snapshot } from '../storage/snapshot.ts';
import { mentions } from '../text/mentions.ts';
import { directName } from './group-names.ts';

/** The user's groups, kept up to date from the list of chats and the events after it. */
export class GroupList {
  readonly #context: ChatContext;
  readonly #me: User;
  readonly #snapshot: Snapshot;
  readonly #online: OnlineUsers;
  readonly #conversations = new Map<number, Conversation>();
  readonly #reading = new SingleFlight(() => this.#read());
  /** The cursor of the latest list; empty before the first one. */
  #asOf = '';
  /** Events that arrived while the list was being read: the response may be older than they are. */
  #meanwhile: ChatEvent[] | undefined;

  /** Begins with the groups of the last visit. */
  constructor(context: ChatContext, me: User, snapshot: Snapshot, online: OnlineUsers) {
    this.#context = context;
    this.#me = me;
    this.#snapshot = snapshot;
    this.#online = online;
    for (const { group, activeAt, messages, hasOlder = true, systemMessages = [] } of snapshot.load()) {
      this.#list(group, '', activeAt).restore({ messages, has_more: hasOlder, cursor: '' }, systemMessages);
    }
  }

  /** Reads the list and returns its cursor. */
  refresh(): Promise<string> {
    return this.#reading.run();
  }

  /** True once this visit has read the list: a group that is not in it is not the user's. */
  get isListed(): boolean {
    return this.#asOf !== '';
  }

  /** False until there is a list: that of the last visit, or the first one of this visit. */
  get isLoaded(): boolean {
    return this.isListed || this.#conversations.size > 0;
  }

  /** All groups, in no particular order. */
  get all(): Conversation[] {
    return [...this.#conversations.values()];
  }

  /** The groups, the most recently active first. */
  get sorted(): Conversation[] {
    return this.all.sort((one, other) => compare(other.activeAt, one.activeAt));
  }

  /** Returns the group with that id. */
  find(groupId: number): Conversation | undefined {
    return this.#conversations.get(groupId);
  }

  /** Keeps what is loaded on this device for the next visit. Does nothing before the first list of this one. */
  save(): void {
    if (this.isListed) this.#snapshot.save(this.sorted);
  }

  /** Returns true for an event after which the list must be read again: the user's own groups change. */
  isOutdatedBy(event: ChatEvent): boolean {
    if ((event.kind !== 'joined' && event.kind !== 'left') || !isAfter(event.cursor, this.#asOf)) return false;
    return event.user_id === this.#me.id || !this.#conversations.has(event.group_id);
  }

  /** Applies an event. Returns the message if it is new and from another user. */
  apply(event: ChatEvent): Message | undefined {
    this.#meanwhile?.push(event);
    return this.#apply(event);
  }

  #apply(event: ChatEvent): Message | undefined {
    const groupId = 'group_id' in event ? event.group_id : null;
    const conversation = groupId === null ? undefined : this.find(groupId);
    if (conversation === undefined) return undefined;
    conversation.systemMessages.add(event, conversation.group);
    if (isAfter(event.cursor, this.#asOf)) this.#change(conversation, event);
    return conversation.apply(event);
  }

  /** Changes the group itself by an event that the list does not include yet. */
  #change(conversation: Conversation, event: ChatEvent): void {
    const { group } = conversation;
    if (event.kind === 'group_deleted') this.#conversations.delete(group.id);
    if (event.kind === 'group_changed') {
      const { name, description, archived, shows_reads } = event;
      conversation.group = { ...group, name, description, archived, shows_reads };
    }
    if (event.kind === 'role_changed' && event.user_id === this.#me.id) {
      conversation.group = { ...group, role: event.role };
    }
    if (event.kind === 'user_renamed' && event.username !== null) {
      const { user_id: id, username } = event;
      const members = group.members.map((one) => (one.id === id ? { id, username } : one));
      const name = group.direct && members.length === 2 ? directName(members) : group.name;
      conversation.group = { ...group, name, members };
    }
    if (event.kind !== 'joined' && event.kind !== 'left') return;
    const { kind, user_id: id, username } = event;
    const others = group.members.filter((member) => member.id !== id);
    const members = kind === 'joined' && username !== null ? [...others, { id, username }] : others;
    const members_count = group.members_count + members.length - group.members.length;
    conversation.group = { ...group, members, members_count };
  }

  async #read(): Promise<string> {
    const meanwhile: ChatEvent[] = [];
    this.#meanwhile = meanwhile;
    const at = performance.now();
    const reading = this.#context.client.chats({ ...NO_DEADLINE, signal: this.#context.signal });
    const { chats, cursor, online_users } = await reading.finally(() => {
      this.#meanwhile = undefined;
    });
    this.#online.listed(online_users, at);
    const ids = new Set(chats.map(({ id }) => id));
    for (const id of this.#conversations.keys()) if (!ids.has(id)) this.#conversations.delete(id);
    const activity = activityOf(chats);
    for (const [at, group] of chats.entries()) this.#list(group, cursor, activity[at] ?? '');
    this.#asOf = cursor;
    for (const event of meanwhile) this.#apply(event);
    this.#context.changed();
    return cursor;
  }

  #list(group: Chat, cursor: string, activeAt: string): Conversation {
    // The user may be renamed.
    const mentionsMe = (text: string) => mentions(text, foldedName(this.#me.username));
    const conversation = this.find(group.id) ?? new Conversation(group, this.#me.id, mentionsMe);
    // In the order of the list, which decides between groups that are equally active.
    this.#conversations.delete(group.id);
    this.#conversations.set(group.id, conversation);
    conversation.updateFromList(group, cursor, activeAt);
    return conversation;
  }
}

/**
 * Returns when each group of a list was last active. The list is sorted by that, but names only messages: a group that is newer than
 * its last message is as active as the next one. The clock of this device does not matter.
 */
function activityOf(chats: readonly Chat[]): string[] {
  let latest = '';
  const fromLast = [...chats].reverse().map(({ last_message }) => {
    if (last_message !== null && last_message.timestamp > latest) latest = last_message.timestamp;
    return latest;
  });
  return fromLast.reverse();
}

/** Compares times as ISO 8601, a hundred times as fast as localeCompare. */
function compare(one: string, other: string): number {
  return one < other ? -1 : Number(one > other);
}
