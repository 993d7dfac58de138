import type { Sequelize } from 'sequelize';
import type { Write } from '../database/fenced-write.ts';
import { GroupAdministration } from './groups/administration.ts';
import { ChatList } from './groups/chat-list.ts';
import { DirectChats } from './groups/direct-chats.ts';
import type { GroupRemoval } from './groups/group-removal.ts';
import { Hooks } from './groups/hooks.ts';
import { Invitations } from './groups/invitations.ts';
import { MessageEditing } from './messages/editing.ts';
import { Reactions } from './messages/reactions.ts';
import { ReadMarks } from './messages/read-marks.ts';
import { MessageSearch } from './search/message-search.ts';

/** The parts of the chat beyond users, groups and messages themselves. */
export type ChatFeatures = ReturnType<typeof buildFeatures>;

/** Creates these parts. With `editHistory`, the database keeps the earlier texts of edited messages. */
export function buildFeatures(
  sequelize: Sequelize,
  write: Write,
  groupRemoval: GroupRemoval,
  settings: { readonly editHistory: boolean },
) {
  return {
    administration: new GroupAdministration(write, groupRemoval),
    invitations: new Invitations(sequelize, write),
    hooks: new Hooks(sequelize, write),
    editing: new MessageEditing(write, settings.editHistory),
    reactions: new Reactions(sequelize, write),
    readMarks: new ReadMarks(sequelize, write),
    chatList: new ChatList(sequelize),
    messageSearch: new MessageSearch(sequelize),
    directChats: new DirectChats(sequelize, write),
  };
}
