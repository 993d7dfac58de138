import { routingKey } from '../log-event.ts';

/** The events that a node must read even in a fast-forward: those that a waiter or the membership cache needs. */
export interface Interest {
  groupIds: number[];
  /** Names of topics and of groups. */
  names: string[];
  /** Users whose joins and leaves are needed, with the groups that they join. */
  userIds: number[];
}

const PREFIX = { group: 'g:', name: 't:', user: 'u:' };

/** Returns the interest of waiters on `keys`, and of a membership cache that holds `userIds`. */
export function interestOf(keys: Iterable<string>, userIds: Iterable<number>): Interest {
  const groupIds: number[] = [];
  const names: string[] = [];
  const users = new Set(userIds);
  for (const key of keys) {
    const prefix = key.slice(0, 2);
    const rest = key.slice(2);
    if (key === routingKey.everyone) continue;
    if (prefix === PREFIX.group) groupIds.push(Number(rest));
    else if (prefix === PREFIX.user) users.add(Number(rest));
    else if (prefix === PREFIX.name) names.push(rest);
  }
  return { groupIds, names, userIds: [...users] };
}
