import type { LogEvent } from './log-event.ts';

/** The keys by which waiters are found: a group, a name (of a topic or a group), a user's own joins and leaves, everyone. */
export const routingKey = {
  group: (id: number) => `g:${id}`,
  name: (name: string) => `t:${name}`,
  user: (id: number) => `u:${id}`,
  everyone: '*',
};

const restAfter = (prefix: string, key: string) => (key.startsWith(prefix) ? key.slice(prefix.length) : null);
/** Returns the name of a key of {@link routingKey}.name; null for others. */
export const nameIn = (key: string): string | null => restAfter('t:', key);
/** Returns the id of a key of {@link routingKey}.group; null for others. */
export const groupIdIn = (key: string): number | null => idAfter('g:', key);
/** Returns the id of a key of {@link routingKey}.user; null for others. */
export const userIdIn = (key: string): number | null => idAfter('u:', key);

function idAfter(prefix: string, key: string): number | null {
  const id = restAfter(prefix, key);
  return id === null ? null : Number(id);
}

/** Returns the routing keys of an event, each once. */
export function routingKeysOf(event: LogEvent): string[] {
  if (event.kind === 'broadcast') return [routingKey.everyone];
  const keys: string[] = [];
  if (event.groupId !== null) keys.push(routingKey.group(event.groupId));
  if (event.groupName !== null) keys.push(routingKey.name(event.groupName));
  if (event.topic !== null && event.topic !== event.groupName) keys.push(routingKey.name(event.topic));
  if (event.userId !== null) keys.push(routingKey.user(event.userId));
  return keys;
}
