import type { ChatContext } from '../chat-context.ts';
import type { Conversation } from '../messages/conversation.ts';
import type { OnlineUsers } from './online-users.ts';

/** Shortest interval between two reports for a group, in milliseconds: half of the time for which a report counts. */
const INTERVAL_MS = 3000;

/** Reports to the other members of a group that the user is typing there. A failed report is not retried. */
export class TypingReports {
  readonly #context: ChatContext;
  /** When the next report for a group may be sent. */
  readonly #dueAt = new Map<number, number>();
  readonly #online: OnlineUsers;
  #isReporting = false;

  constructor(context: ChatContext, online: OnlineUsers) {
    this.#context = context;
    this.#online = online;
  }

  /** Reports a change of the text. An empty text, as after sending, is not reported, and the next change is reported at once. */
  typed({ group }: Conversation, text: string): void {
    if (text.trim() === '') return void this.#dueAt.delete(group.id);
    if (this.#online.isOff || this.#isReporting || group.members_count < 2) return;
    const now = performance.now();
    if (now < (this.#dueAt.get(group.id) ?? 0)) return;
    this.#dueAt.set(group.id, now + INTERVAL_MS);
    void this.#report(group.id);
  }

  async #report(groupId: number): Promise<void> {
    this.#isReporting = true;
    try {
      const { client, signal } = this.#context;
      await client.typing(groupId, { signal, deadlineMs: INTERVAL_MS });
    } catch (error) {
      this.#context.failed(error);
    } finally {
      this.#isReporting = false;
    }
  }
}
