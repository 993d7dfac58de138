import type { Chat, ChatEvent } from '../../client/index.ts';

/** Applies an event to the members of the groups: the terminal chat names users by them. */
export function followMembers(groups: ReadonlyMap<number, Chat>, event: ChatEvent): void {
  if (event.kind === 'user_renamed') {
    for (const { members } of groups.values())
      for (const member of members)
        if (member.id === event.user_id) member.username = event.username ?? member.username;
    return;
  }
  if (event.kind !== 'joined' && event.kind !== 'left') return;
  const group = groups.get(event.group_id);
  if (group === undefined) return;
  const others = group.members.filter(({ id }) => id !== event.user_id);
  const wasThere = others.length < group.members.length;
  const isThere = event.kind === 'joined';
  if (isThere) others.push({ id: event.user_id, username: event.username ?? `user ${event.user_id}` });
  group.members = others;
  // The groups may have been read after this event: it changes nothing then. An older node sends no count.
  if (group.members_count !== undefined && isThere !== wasThere) group.members_count += isThere ? 1 : -1;
}
