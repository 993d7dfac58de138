import type { User } from '../../../../client/index.ts';
import type { MessageWindow } from './message-window.ts';

/** How far each member of a group has read, if the group shows that (`shows_reads`). */
export class Reads {
  readonly #marks = new Map<number, number>();

  /** Records a member's read mark, which never moves back. */
  set(userId: number, messageId: number): void {
    if (messageId > (this.#marks.get(userId) ?? 0)) this.#marks.set(userId, messageId);
  }

  /** Returns the members, each under the last loaded message that they have read. Leaves out a member if that message is their own. */
  byMessage(window: MessageWindow, members: readonly User[], me: number): Map<number, User[]> {
    const found = new Map<number, User[]>();
    for (const member of members) {
      const mark = this.#marks.get(member.id);
      const message = mark === undefined || member.id === me ? undefined : window.lastUpTo(mark);
      if (message === undefined || message.sender_id === member.id) continue;
      found.set(message.id, [...(found.get(message.id) ?? []), member]);
    }
    return found;
  }
}
