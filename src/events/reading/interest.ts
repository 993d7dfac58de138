import { groupIdIn, nameIn, userIdIn } from '../routing-keys.ts';

/** The events that a node must read even in a fast-forward: those that a waiter or the membership cache needs. */
export interface Interest {
  groupIds: number[];
  /** Names of topics and of groups. */
  names: string[];
  /** Users whose joins and leaves are needed, with the groups that they join. */
  userIds: number[];
}

/** Returns the interest of waiters on `keys`, and of a membership cache that holds `userIds`. */
export function interestOf(keys: Iterable<string>, userIds: Iterable<number>): Interest {
  const groupIds: number[] = [];
  const names: string[] = [];
  const users = new Set(userIds);
  for (const key of keys) {
    const [groupId, name, userId] = [groupIdIn(key), nameIn(key), userIdIn(key)];
    if (groupId !== null) groupIds.push(groupId);
    if (name !== null) names.push(name);
    if (userId !== null) users.add(userId);
  }
  return { groupIds, names, userIds: [...users] };
}
