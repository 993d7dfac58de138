import type { ChatEvent, Message } from '../../client/index.ts';
import { messageLine, terminalText } from './terminal-text.ts';

/** Returns a member's name by id. */
type NameOf = (userId: number) => string;

/** Returns the notice for an event of the open group, or undefined if there is none: messages are printed as such. */
export function noticeOf(event: ChatEvent, nameOf: NameOf): string | undefined {
  switch (event.kind) {
    case 'message_edited':
      return `edited: ${messageLine(event.message satisfies Message)}`;
    case 'message_deleted':
      return `message #${event.message_id} was deleted`;
    case 'reaction': {
      const { user_id, emoji, message_id, count, added } = event;
      return `${nameOf(user_id)} ${added ? 'reacted with' : 'removed'} ${terminalText(emoji)} ${added ? 'to' : 'from'} #${message_id}, now ${count}`;
    }
    case 'joined':
    case 'left': {
      const name = terminalText(event.username ?? 'a former user');
      return 'created' in event ? `${name} created the group` : `${name} has ${event.kind}`;
    }
    case 'role_changed':
      return `${nameOf(event.user_id)} is now ${event.role}`;
    case 'group_changed':
      return `the group is ${terminalText(event.name)}${event.archived ? ', archived: it accepts no new messages' : ''}`;
    case 'group_deleted':
      return `${terminalText(event.name)} was deleted`;
    default:
      return undefined;
  }
}
