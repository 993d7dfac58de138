import { setImmediate as nextTurn } from 'node:timers/promises';
import { GroupOrNameAudience } from '../../../chat/delivery/audiences.ts';
import { groupIdIn, nameIn, routingKey } from '../../../events/routing-keys.ts';
import type { Waiters } from '../../../events/waiters.ts';
import type { Services } from '../../services.ts';

/** Number of comparisons before other work runs. */
const SLICE = 10_000;

/**
 * Returns the names of the groups and topics that clients wait on, at most `max`. Reads the index of the waiters, which has a
 * group once however many users wait for it.
 */
export function awaitedNames(waiters: Waiters, max: number): Set<string> {
  const names = new Set<string>();
  for (const key of waiters.routingKeys()) {
    if (names.size >= max) break;
    const name = nameIn(key) ?? groupNameOn(key, waiters);
    if (name !== null) names.add(name);
  }
  return names;
}

/** Returns the name of the group of a key, or its id if no audience knows its name; null for a key of no group. */
function groupNameOn(key: string, waiters: Waiters): string | null {
  const groupId = groupIdIn(key);
  if (groupId === null) return null;
  for (const audience of waiters.audiencesOn(key)) {
    const name = audience.groupName(groupId);
    if (name !== null) return name;
  }
  return String(groupId);
}

/** Returns the names of a user's own groups that clients wait on. Other groups of the same name stay hidden. */
export async function awaitedNamesOf(userId: number, { memberships, waiters }: Services): Promise<Set<string>> {
  const awaited = new Set<string>();
  /** The ids of the groups that no client waits on by id, by their names. */
  const others = new Map<string, number[]>();
  for (const [id, { name }] of (await memberships.of(userId)).groups) {
    if (waiters.isAwaited(routingKey.group(id))) awaited.add(name);
    else if (waiters.isAwaited(routingKey.name(name))) others.set(name, [...(others.get(name) ?? []), id]);
  }
  let compared = 0;
  for (const [name, ids] of others) {
    if (awaited.has(name)) continue;
    for (const audience of waiters.audiencesOn(routingKey.name(name))) {
      const groups = audience instanceof GroupOrNameAudience ? audience.memberships?.groups : undefined;
      if (groups && ids.some((id) => groups.has(id))) {
        awaited.add(name);
        break;
      }
      compared += ids.length;
      if (compared >= SLICE) {
        compared = 0;
        await nextTurn();
      }
    }
  }
  return awaited;
}
