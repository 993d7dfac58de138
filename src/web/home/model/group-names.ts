import type { Chat as ChatGroup, User } from '../../../client/index.ts';

/** Returns the name of a group as a user sees it: a direct chat has that of the other user. */
export function nameOf(group: ChatGroup, me: number): string {
  return otherOf(group, me)?.username ?? group.name;
}

/** Returns the other user of a direct chat; undefined for other groups. */
export function otherOf(group: ChatGroup, me: number): User | undefined {
  return group.direct ? group.members.find(({ id }) => id !== me) : undefined;
}
