import type { Message, User } from '../../../../client/index.ts';
import type { MessageWindow } from './message-window.ts';

/** How far the members of a group have read, in a group that shows it. */
export class Reads {
  readonly #marks = new Map<number, number>();

  /** Records a member's read mark, which never moves back. */
  set(userId: number, messageId: number): void {
    if (messageId > (this.#marks.get(userId) ?? 0)) this.#marks.set(userId, messageId);
  }

  /** Forgets everything, for a group that shows it no longer. */
  clear(): void {
    this.#marks.clear();
  }

  /** Returns the members, each under the last loaded message that they have read; not under a message of their own. */
  byMessage(window: MessageWindow, members: readonly User[], me: number): Map<number, User[]> {
    const found = new Map<number, User[]>();
    if (this.#marks.size === 0) return found;
    for (const member of members) {
      const mark = this.#marks.get(member.id) ?? 0;
      const message = member.id === me ? undefined : lastUpTo(window, mark);
      if (message === undefined || message.sender_id === member.id) continue;
      found.set(message.id, [...(found.get(message.id) ?? []), member]);
    }
    return found;
  }
}

/** Returns the last message up to an id, unless that one may not be loaded. */
function lastUpTo(window: MessageWindow, id: number): Message | undefined {
  const { all, newest } = window;
  if (window.hasNewer && id > (newest?.id ?? 0)) return undefined;
  return all[all.length - window.after(id).length - 1];
}
