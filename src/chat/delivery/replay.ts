import type { LogEvent } from '../../events/log-event.ts';
import { DeliveryPage } from '../../events/reading/delivery-page.ts';
import type { ReplayableAudience } from './audiences.ts';
import { applyChange, inMembershipOrder } from './membership-order.ts';

/** The events of one response, and the position up to which they cover the log. */
export interface Replayed {
  events: readonly LogEvent[];
  position: number;
}

/** Returns the first of `events` that fit one response. The position is `end` if all of them fit. */
export function firstPage(events: readonly LogEvent[], end: number): Replayed {
  const page = new DeliveryPage();
  for (const event of events) if (!page.add(event)) break;
  return { events: page.events, position: page.isFull && page.last ? page.last.position : end };
}

/**
 * Returns those of `events` that the audience matches, each with the memberships that its user had at that event. `groups`
 * are the user's groups before the first event. Modifies `groups`.
 */
export function replay(audience: ReplayableAudience, events: readonly LogEvent[], groups: Set<number>): LogEvent[] {
  const userId = audience.memberships?.userId;
  const isMember = userId === undefined ? () => true : (groupId: number) => groups.has(groupId);
  const matched: LogEvent[] = [];
  inMembershipOrder(
    events,
    (event) => {
      if (event.userId === userId) applyChange(groups, event);
    },
    (event) => {
      if (event.json !== null && audience.matchesAs(event, isMember)) matched.push(event);
    },
  );
  return matched;
}
