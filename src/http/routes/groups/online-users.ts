import { z } from 'zod';
import type { LiveSignals } from '../../../chat/live/live-signals.ts';

/** Maximum number of users in one response. */
const MAX_ONLINE = 1000;

/** The field `online_users` of a response that lists chats. */
export const onlineUsers = z
  .array(z.number())
  .optional()
  .describe(`Ids of the listed members who are connected, at most ${MAX_ONLINE}; absent where PRESENCE=off.`);

/** Returns the members of these chats who are connected; nothing where PRESENCE=off. */
export function onlineUsersOf(
  chats: readonly { members: readonly { id: number }[] }[],
  live: LiveSignals | null,
): { online_users?: number[] } {
  if (live === null) return {};
  const found = new Set<number>();
  for (const { members } of chats) {
    for (const { id } of members) if (found.size < MAX_ONLINE && live.online.has(id)) found.add(id);
  }
  return { online_users: [...found] };
}
