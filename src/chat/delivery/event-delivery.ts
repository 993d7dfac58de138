import type { LogEvent } from '../../events/log-event.ts';
import { DeliveryPage } from '../../events/reading/delivery-page.ts';
import { type Interest, interestOf } from '../../events/reading/interest.ts';
import { routingKey } from '../../events/routing-keys.ts';
import type { Subscribers, Waiters } from '../../events/waiters.ts';
import { UserAudience } from './audiences.ts';
import type { MembershipCache } from './membership-cache.ts';
import { inMembershipOrder } from './membership-order.ts';

/**
 * Delivers each batch of events that the log has read to the polls and streams that wait for it.
 *
 * Everything from the first match to the last staged delivery happens in one turn of the event loop, and so does the check
 * by which a poll registers (subscriptions.ts). No event can fall between the two. Only the writing to sockets is spread
 * over several turns.
 */
export class EventDelivery {
  readonly #waiters: Waiters;
  readonly #memberships: MembershipCache;

  constructor(waiters: Waiters, memberships: MembershipCache) {
    this.#waiters = waiters;
    this.#memberships = memberships;
  }

  /** Returns the events that the log must read for the waiters and for the cached memberships. */
  interest(): Interest {
    return interestOf(this.#waiters.routingKeys(), this.#memberships.userIds());
  }

  /** Delivers a batch of events. `end` is the cursor of the end of the batch. */
  deliver(batch: readonly LogEvent[], end: string): void {
    const pages = new Map<Subscribers, DeliveryPage>();
    inMembershipOrder(
      batch,
      (event) => this.#changeMemberships(event),
      (event) => {
        this.#memberships.rename(event);
        for (const subscribers of this.#waiters.matching(event)) {
          const page = pages.get(subscribers) ?? new DeliveryPage();
          pages.set(subscribers, page);
          page.add(event);
        }
      },
    );
    for (const [subscribers, { events, last, isFull }] of pages) {
      this.#waiters.stage(subscribers, { reason: 'events', events, cursor: isFull && last ? last.cursor : end });
    }
    this.#waiters.flush();
  }

  /** Wakes all waiters with `cursor`, and forgets all memberships: both belong to a log that this node no longer follows. */
  abandon(cursor: string): void {
    this.#waiters.dismiss(cursor);
    this.#memberships.clear();
  }

  #changeMemberships(event: LogEvent): void {
    const changed = this.#memberships.apply(event);
    if (!changed || event.groupId === null) return;
    const audienceId = UserAudience.idOf(changed.userId);
    const key = routingKey.group(event.groupId);
    if (event.kind === 'joined') this.#waiters.follow(audienceId, key);
    else this.#waiters.unfollow(audienceId, key);
  }
}
