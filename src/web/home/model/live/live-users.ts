import { ChatError, type Ephemeral } from '../../../../client/index.ts';
import type { ChatContext } from '../chat-context.ts';
import type { Conversation } from '../messages/conversation.ts';
import { OnlineUsers } from './online-users.ts';
import { TypingReports } from './typing-reports.ts';
import { TypingUsers } from './typing-users.ts';

/** Tracks which users are typing and which are connected. A lost signal only delays what the page shows. */
export class LiveUsers {
  readonly online = new OnlineUsers();
  readonly reports: TypingReports;
  readonly #context: ChatContext;
  readonly #typingUsers: TypingUsers;

  constructor(context: ChatContext) {
    this.#context = context;
    this.#typingUsers = new TypingUsers(context.changed);
    this.reports = new TypingReports(context, this.online);
    context.signal.addEventListener('abort', () => this.#typingUsers.stop());
  }

  /** Records signals. */
  observe(signals: readonly Ephemeral[]): void {
    for (const signal of signals) {
      if (signal.kind === 'typing') this.#typingUsers.observe(signal);
      else if (signal.kind === 'presence') this.online.set(signal.user_id, signal.online);
    }
    this.#context.changed();
  }

  /** Records that a user is no longer typing in a group: the message has arrived, or the user has left. */
  stopped(groupId: number, userId: number): void {
    this.#typingUsers.stopped(groupId, userId);
  }

  /** Returns the names of the other users who are typing in a group, and the number of those whose names are not known. */
  typingIn({ group, window }: Conversation): { names: string[]; others: number } {
    const typing = this.#typingUsers.in(group.id);
    const names = typing.flatMap((userId) => {
      const member = group.members.find(({ id }) => id === userId);
      return member?.username ?? window.all.findLast(({ sender_id }) => sender_id === userId)?.sender ?? [];
    });
    return { names, others: typing.length - names.length };
  }

  /** Reads which of these members of a group are connected. If that fails, nothing changes. */
  async readMembers(groupId: number, userIds: Iterable<number>): Promise<void> {
    if (this.online.isOff) return;
    const { client, signal } = this.#context;
    const at = performance.now();
    try {
      const { online_users } = await client.presence(groupId, { signal, deadlineMs: 5000 });
      this.online.members(userIds, online_users, at);
      this.#context.changed();
    } catch (error) {
      if (error instanceof ChatError) this.#context.failed(error);
    }
  }
}
