import type { Chat as ChatGroup } from '../../../client/index.ts';

/** Returns the name of a group as a user sees it: a direct chat has that of the other user. */
export function nameOf(group: ChatGroup, me: number): string {
  const other = group.direct ? group.members.find(({ id }) => id !== me) : undefined;
  return other?.username ?? group.name;
}
