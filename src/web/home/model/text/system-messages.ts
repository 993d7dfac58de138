import type { ChatEvent, Chat as ChatGroup, MemberRole } from '../../../../client/index.ts';

/** A system message: while the page was open, a member joined or left or got another role, or the group another name. */
export type SystemMessage = { key: string; at: string } & (
  | { kind: 'joined' | 'left'; userId: number; username: string }
  | { kind: 'role'; userId: number; username: string; role: MemberRole }
  | { kind: 'renamed'; name: string }
);

/** The maximum number of system messages that are kept of a group. */
const MAX_KEPT = 100;

/** The latest system messages of a group, in order. */
export class SystemMessages {
  #all: readonly SystemMessage[] = [];

  /** The system messages, the oldest first. */
  get all(): readonly SystemMessage[] {
    return this.#all;
  }

  /**
   * Adds an event of this group, which is given as it was before. An event that has been added before changes nothing, nor does
   * one of a direct chat.
   */
  add(event: ChatEvent, group: ChatGroup): void {
    if (group.direct || this.#all.some(({ key }) => key === event.cursor)) return;
    const systemMessage = systemMessageOf(event, group);
    if (systemMessage !== undefined) this.#all = [...this.#all, systemMessage].slice(-MAX_KEPT);
  }
}

function systemMessageOf(event: ChatEvent, group: ChatGroup): SystemMessage | undefined {
  const { cursor: key, at } = event;
  const nameOf = (id: number) => group.members.find((member) => member.id === id)?.username;
  switch (event.kind) {
    case 'joined':
    case 'left': {
      const username = event.username ?? nameOf(event.user_id);
      return username === undefined ? undefined : { key, at, kind: event.kind, userId: event.user_id, username };
    }
    case 'role_changed': {
      const username = nameOf(event.user_id);
      const { user_id: userId, role } = event;
      return username === undefined ? undefined : { key, at, kind: 'role', userId, username, role };
    }
    case 'group_changed':
      return event.name === group.name ? undefined : { key, at, kind: 'renamed', name: event.name };
    default:
      return undefined;
  }
}
