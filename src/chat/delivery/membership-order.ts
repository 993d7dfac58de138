/**
 * Decides with which memberships an event is matched: a join counts from its own event on, a leave only after its event.
 * Users therefore receive the events of their own joining and leaving, and everything in between.
 *
 * Delivery of new events (event-delivery.ts) and reading of past ones (replay.ts) both use {@link inMembershipOrder}. The statement in
 * catch-up-reader.ts repeats {@link membershipsBefore} in SQL, because only PostgreSQL has all of a user's changes; the
 * random runs of test/integration/delivery/log-model/log-model.slow.test.ts compare the three.
 */
import type { LogEvent } from '../../events/log-event.ts';

type Change = Pick<LogEvent, 'kind' | 'groupId'>;

/** Calls `visit` for each event, and `change` before it for a join or after it for a leave. */
export function inMembershipOrder(
  events: Iterable<LogEvent>,
  change: (event: LogEvent) => void,
  visit: (event: LogEvent) => void,
): void {
  for (const event of events) {
    if (event.kind === 'joined') change(event);
    visit(event);
    if (event.kind === 'left') change(event);
  }
}

/** Adds the group that a user joined, or removes the one that the user left. */
export function applyChange(groups: Set<number>, { kind, groupId }: Change): void {
  if (groupId === null) return;
  if (kind === 'joined') groups.add(groupId);
  else if (kind === 'left') groups.delete(groupId);
}

/** Returns the groups that a user was in before `changes` (oldest first), from those after them. Modifies `groups`. */
export function membershipsBefore(groups: Set<number>, changes: readonly Change[]): Set<number> {
  for (const { kind, groupId } of [...changes].reverse()) {
    if (groupId === null) continue;
    if (kind === 'joined') groups.delete(groupId);
    else if (kind === 'left') groups.add(groupId);
  }
  return groups;
}
