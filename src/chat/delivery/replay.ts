import { DeliveryPage } from '../../events/delivery-page.ts';
import type { LogEvent } from '../../events/log-event.ts';
import type { ReplayableAudience } from './audiences.ts';

/** What an audience hears of the log up to `position`. */
export interface Replayed {
  events: readonly LogEvent[];
  position: number;
}

/** The first of `events` that fit an answer; the position is `end` where all do. */
export function pageOf(events: readonly LogEvent[], end: number): Replayed {
  const page = new DeliveryPage();
  for (const event of events) if (!page.add(event)) break;
  return { events: page.events, position: page.isFull && page.last ? page.last.position : end };
}

/** The groups that somebody was in before `moves` (oldest first), who is in `groups` after them. */
export function rewind(groups: Set<number>, moves: readonly Pick<LogEvent, 'kind' | 'groupId'>[]): Set<number> {
  for (const { kind, groupId } of [...moves].reverse()) {
    if (groupId === null) continue;
    if (kind === 'joined') groups.delete(groupId);
    else if (kind === 'left') groups.add(groupId);
  }
  return groups;
}

/** What the audience hears of `events`, with the membership that its user had at each of them. `groups` is used up. */
export function replay(audience: ReplayableAudience, events: readonly LogEvent[], groups: Set<number>): LogEvent[] {
  const { memberships } = audience;
  const isMember = memberships === null ? () => true : (groupId: number) => groups.has(groupId);
  return events.filter((event) => {
    const isOwn = memberships !== null && event.userId === memberships.userId && event.groupId !== null;
    if (isOwn && event.kind === 'joined' && event.groupId !== null) groups.add(event.groupId);
    const heard = event.json !== null && audience.matchesAs(event, isMember);
    if (isOwn && event.kind === 'left' && event.groupId !== null) groups.delete(event.groupId);
    return heard;
  });
}
