import type { Message } from '../../../../client/index.ts';
import { joinSystemMessages, type SystemMessage } from '../text/system-messages.ts';
import type { Conversation } from './conversation.ts';
import type { PendingMessage } from './pending-messages.ts';

/** Something that happened in a group: a message was stored, one is being sent, or the group changed. */
export type Happening = Message | PendingMessage | SystemMessage;

/** Returns the loaded messages of a group, between them its changes in that time, and then the messages that are being sent. */
export function happeningsOf({ window, systemMessages, pending }: Conversation): Happening[] {
  const oldest = window.hasOlder ? (window.oldest?.timestamp ?? '') : '';
  const changes = systemMessages.all.filter(({ at }) => at >= oldest);
  const happenings: Happening[] = [];
  const addChanges = (count: number) => happenings.push(...joinSystemMessages(changes.splice(0, count)));
  for (const message of window.all) {
    const later = changes.findIndex(({ at }) => at > message.timestamp);
    addChanges(later < 0 ? changes.length : later);
    happenings.push(message);
  }
  if (!window.hasNewer || pending.newest !== undefined) addChanges(changes.length);
  return [...happenings, ...pending.shown];
}
