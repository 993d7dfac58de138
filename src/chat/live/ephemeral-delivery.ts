import type { EventLog } from '../../events/event-log.ts';
import { topicOf } from '../../events/log-event.ts';
import type { Subscribers, Waiters } from '../../events/waiters.ts';
import { type ReplayableAudience, UserAudience } from '../delivery/audiences.ts';

/** A signal about a user, for the other members of these groups. */
export interface Ephemeral {
  userId: number;
  groupIds: Iterable<number>;
  json: string;
}

/** With more waiting members on this node, a group gets no signals: each keystroke would write to thousands of sockets. */
const MAX_IN_GROUP = 500;
/** Deliveries of one call: tens of milliseconds of work. The group in which this is reached is completed, the rest dropped. */
const MAX_DELIVERIES = 20_000;

/** Delivers signals to the polls and streams that want them. Signals are in no log, so a client that is not waiting misses them. */
export class EphemeralDelivery {
  readonly #waiters: Waiters;
  readonly #eventLog: EventLog;

  constructor(waiters: Waiters, eventLog: EventLog) {
    this.#waiters = waiters;
    this.#eventLog = eventLog;
  }

  /** True if any poll or stream wants signals. */
  get isWanted(): boolean {
    return this.#waiters.ephemeralWaiters > 0;
  }

  deliver(signals: readonly Ephemeral[]): void {
    const byAudience = new Map<Subscribers, Set<string>>();
    let room = MAX_DELIVERIES;
    for (const { userId, groupIds, json } of signals) {
      for (const groupId of groupIds) {
        if (room <= 0) break;
        for (const subscribers of this.#waiters.ephemeralSubscribers(topicOf.group(groupId), MAX_IN_GROUP) ?? []) {
          if (!isFor(subscribers.audience as ReplayableAudience, groupId, userId)) continue;
          const own = byAudience.get(subscribers) ?? new Set<string>();
          byAudience.set(subscribers, own.add(json));
          room--;
        }
      }
    }
    const cursor = this.#eventLog.known.endCursor;
    for (const [subscribers, own] of byAudience) {
      this.#waiters.stage(subscribers, { reason: 'ephemeral', events: [], ephemeral: [...own], cursor });
    }
    this.#waiters.flush();
  }
}

function isFor(audience: ReplayableAudience, groupId: number, userId: number): boolean {
  if (audience.memberships === null) return true;
  const isSelf = audience instanceof UserAudience && audience.memberships.userId === userId;
  return !isSelf && audience.memberships.groups.has(groupId);
}
