import type { Sequelize } from 'sequelize';
import type { Write } from '../database/writes/fenced-write.ts';
import type { Log } from '../log/log.ts';
import { GroupAdministration } from './groups/administration.ts';
import { ChatListReader } from './groups/chat-list-reader.ts';
import { DirectChats } from './groups/direct-chats.ts';
import { GroupEvents } from './groups/group-events.ts';
import type { GroupRemoval } from './groups/group-removal.ts';
import { Groups } from './groups/groups.ts';
import { Hooks } from './groups/hooks.ts';
import { Invitations } from './groups/invitations.ts';
import { NamedGroups } from './groups/named-groups.ts';
import { MessageEditing } from './messages/editing.ts';
import { Messages } from './messages/messages.ts';
import { Reactions } from './messages/reactions.ts';
import { ReadMarks } from './messages/read-marks.ts';
import { Notifications } from './notifications.ts';
import { MessageSearch } from './search/message-search.ts';
import type { Users } from './users/users.ts';

/** The services that carry out requests about groups and messages, except posts (posting/message-writer.ts). */
export type ChatServices = ReturnType<typeof buildChatServices>;

/** Options of {@link buildChatServices}. */
export interface ChatServicesOptions {
  sequelize: Sequelize;
  write: Write;
  users: Users;
  groupRemoval: GroupRemoval;
  /** True if the database keeps the earlier texts of edited messages. */
  keepsHistory: boolean;
  log: Log;
}

/** Creates these services. There is nothing to start or stop: between requests they keep only limits and caches. */
export function buildChatServices({ sequelize, write, users, groupRemoval, keepsHistory, log }: ChatServicesOptions) {
  const groups = new Groups(sequelize, write, users);
  return {
    users,
    groups,
    groupEvents: new GroupEvents(sequelize),
    namedGroups: new NamedGroups(sequelize, write, groups),
    administration: new GroupAdministration(write, groupRemoval),
    invitations: new Invitations(sequelize, write),
    directChats: new DirectChats(sequelize, write),
    hooks: new Hooks(sequelize, write),
    chatList: new ChatListReader(sequelize),
    messages: new Messages(sequelize, write, log),
    editing: new MessageEditing(write, keepsHistory),
    reactions: new Reactions(sequelize, write),
    readMarks: new ReadMarks(sequelize, write),
    messageSearch: new MessageSearch(sequelize),
    notifications: new Notifications(sequelize, write),
  };
}
