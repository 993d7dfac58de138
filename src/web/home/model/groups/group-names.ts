import type { Chat, User } from '../../../../client/index.ts';
import { isDeletedName, shownName } from '../user-names.ts';

/** Returns the name of a group as a user sees it: a direct chat has that of the other user. */
export function nameOf(group: Chat, me: User): string {
  const other = otherOf(group, me);
  if (other !== undefined) return shownName(other.username, other.id);
  return group.direct ? shownName(withoutOwn(group.name, me.username)) : group.name;
}

/** Returns the other user of a direct chat; undefined for other groups, and if that user has left. */
export function otherOf(group: Chat, me: User): User | undefined {
  return group.direct ? group.members.find(({ id }) => id !== me.id) : undefined;
}

/** Returns true for a direct chat whose other user has deleted the account. */
export function isDeserted({ direct, members, name }: Chat): boolean {
  return direct && members.length < 2 && name.split(', ').some(isDeletedName);
}

/** Returns the error code with which a node would refuse a message to the group; undefined if it would not. */
export function closedBy(group: Chat): 'group_archived' | 'account_deleted' | undefined {
  if (group.archived) return 'group_archived';
  return isDeserted(group) ? 'account_deleted' : undefined;
}

/** Returns the name that the nodes give to a direct chat of these users. */
export function directName(members: readonly User[]): string {
  const byId = [...members].sort((one, other) => one.id - other.id);
  return byId.map(({ username }) => username).join(', ');
}

/** Removes the user's own name from the name of a direct chat. */
function withoutOwn(name: string, own: string): string {
  if (name.startsWith(`${own}, `)) return name.slice(own.length + 2);
  return name.endsWith(`, ${own}`) ? name.slice(0, -own.length - 2) : name;
}
