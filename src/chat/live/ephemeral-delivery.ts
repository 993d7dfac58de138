import type { EventLog } from '../../events/event-log.ts';
import { routingKey } from '../../events/routing-keys.ts';
import type { Subscribers, Waiters } from '../../events/waiters.ts';
import { type ReplayableAudience, UserAudience } from '../delivery/audiences.ts';
import { KEEP_SIGNALS_MS, RecentSignals, type UserSignal } from './recent-signals.ts';

/** A group with more members waiting on this node gets no signals: each keystroke would write to thousands of sockets. */
const MAX_IN_GROUP = 500;
/** Maximum number of deliveries in one call: tens of milliseconds of work. The group that reaches it still gets all of its deliveries; the rest is dropped. */
const MAX_DELIVERIES = 20_000;

/**
 * Delivers signals to the polls and streams that want them. Signals are not in the event log: a client that is away for longer than
 * two seconds misses them.
 */
export class EphemeralDelivery {
  readonly #waiters: Waiters;
  readonly #eventLog: EventLog;
  readonly #recent = new RecentSignals();
  #cursorReadAt = Number.NEGATIVE_INFINITY;

  constructor(waiters: Waiters, eventLog: EventLog) {
    this.#waiters = waiters;
    this.#eventLog = eventLog;
  }

  /** True if any poll or stream wants signals, or has just ended and may come back. */
  get isWanted(): boolean {
    return this.#waiters.ephemeralWaiters > 0 || performance.now() - this.#cursorReadAt < KEEP_SIGNALS_MS;
  }

  /** Returns the current end of the signals, for a poll that ends: the client's next poll gets the signals {@link after} it. */
  cursor(): string {
    this.#cursorReadAt = performance.now();
    return this.#recent.cursor;
  }

  /** Returns true if this node issued the cursor. */
  knows(cursor: string): boolean {
    return this.#recent.knows(cursor);
  }

  /** Returns the signals that have arrived since a cursor and are for this audience, each once; undefined if there are none. */
  after(cursor: string, audience: ReplayableAudience): string[] | undefined {
    const own = new Set<string>();
    for (const { userId, groupIds, json } of this.#recent.after(cursor)) {
      if (groupIds.some((groupId) => concerns(audience, groupId, userId))) own.add(json);
    }
    return own.size === 0 ? undefined : [...own];
  }

  /** Delivers signals to the waiters, and keeps them for clients that are about to poll again. */
  deliver(signals: readonly UserSignal[]): void {
    const byAudience = new Map<Subscribers, Set<string>>();
    const kept: UserSignal[] = [];
    let room = MAX_DELIVERIES;
    for (const { userId, groupIds, json } of signals) {
      const keptFor: number[] = [];
      for (const groupId of groupIds) {
        if (room <= 0) break;
        const onKey = this.#waiters.ephemeralSubscribers(routingKey.group(groupId), MAX_IN_GROUP);
        if (onKey === null) continue;
        keptFor.push(groupId);
        for (const subscribers of onKey) {
          if (!isFor(subscribers.audience as ReplayableAudience, groupId, userId)) continue;
          const own = byAudience.get(subscribers) ?? new Set<string>();
          byAudience.set(subscribers, own.add(json));
          room--;
        }
      }
      if (keptFor.length > 0) kept.push({ userId, groupIds: keptFor, json });
    }
    // Before it is staged: a poll that ends for these signals gets a cursor after them.
    this.#recent.add(kept);
    const cursor = this.#eventLog.known.endCursor;
    for (const [subscribers, own] of byAudience) {
      this.#waiters.stage(subscribers, { reason: 'ephemeral', events: [], ephemeral: [...own], cursor });
    }
    this.#waiters.flush();
  }
}

/** Returns true if the audience gets the signals of `userId` in that group. Unlike {@link isFor}, it also checks that the audience follows the group. */
function concerns(audience: ReplayableAudience, groupId: number, userId: number): boolean {
  return (audience instanceof UserAudience || audience.groupId === groupId) && isFor(audience, groupId, userId);
}

function isFor(audience: ReplayableAudience, groupId: number, userId: number): boolean {
  if (audience.memberships === null) return true;
  const isSelf = audience instanceof UserAudience && audience.memberships.userId === userId;
  return !isSelf && audience.memberships.groups.has(groupId);
}
