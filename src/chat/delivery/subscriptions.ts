import { type Cursor, formatCursor } from '../../events/cursor.ts';
import type { EventLog } from '../../events/event-log.ts';
import { PAGE_SIZE } from '../../events/reading/delivery-page.ts';
import { routingKey } from '../../events/routing-keys.ts';
import type { Delivery, Waiter, Waiters } from '../../events/waiters.ts';
import { Refused } from '../errors.ts';
import { type ReplayableAudience, UserAudience } from './audiences.ts';
import type { CatchUpPage, CatchUpReader } from './catch-up-reader.ts';
import type { MembershipCache } from './membership-cache.ts';
import { membershipsBefore } from './membership-order.ts';
import { firstPage, replay } from './replay.ts';

/** A poll or stream that subscribes. Its client may disconnect before it has. */
export interface Subscriber extends Waiter {
  readonly audience: ReplayableAudience;
  /** True once its client has disconnected: nothing more is read or registered for it. */
  readonly hasEnded: boolean;
}

/** The next step for a subscriber: none, because it was registered or has left; a page from memory; or reading the database. */
type Step = { kind: 'done' } | { kind: 'page'; page: CatchUpPage } | { kind: 'catchUp'; position: number };

/**
 * Maximum number of pages read for one response while none has an event for the audience. The response is then empty, and its
 * cursor is the end of the last page.
 */
const MAX_PAGES = 20;

/**
 * Subscribes polls and streams. Each first gets the events that it missed since its cursor, without a gap or an overlap, and then
 * waits for new ones.
 *
 * There is no gap, because this happens in one turn of the event loop ({@link EventLog.whenSettled}): the cursor is checked against
 * the log as this node knows it, its position is compared with the log's head, and if nothing lies between, the waiter is
 * registered. New events are matched with the waiters and handed to them in one turn too (event-delivery.ts), so none can fall in between. After every
 * await, the checks are repeated.
 */
export class Subscriptions {
  readonly #log: EventLog;
  readonly #catchUpReader: CatchUpReader;
  readonly #waiters: Waiters;
  readonly #memberships: MembershipCache;

  constructor(log: EventLog, catchUpReader: CatchUpReader, waiters: Waiters, memberships: MembershipCache) {
    this.#log = log;
    this.#catchUpReader = catchUpReader;
    this.#waiters = waiters;
    this.#memberships = memberships;
  }

  /**
   * Returns what the subscriber's audience missed since `from`. If it missed nothing, registers the subscriber and returns null;
   * also returns null if the client has left.
   * @throws {CursorExpiredError} if the log cannot be continued from there without a gap; {Refused} overloaded, or
   * unavailable if the log was replaced in between; the database's error if reading it fails.
   */
  async subscribe(subscriber: Subscriber, from: Cursor): Promise<Delivery | null> {
    const { audience } = subscriber;
    let cursor = from;
    for (let pages = 0; ; ) {
      if (!this.#log.known.covers(cursor)) await this.#log.read();
      const step = await this.#log.whenSettled(() => this.#registerOrRead(subscriber, cursor));
      if (step.kind === 'done') return null;
      const page = step.kind === 'page' ? step.page : await this.#catchUp(subscriber, step.position);
      if (page === null) continue;
      pages++;
      cursor = { epoch: page.epoch, position: page.position };
      if (page.events.length > 0 || pages >= MAX_PAGES) {
        return { reason: 'events', audience, events: page.events, cursor: formatCursor(cursor) };
      }
    }
  }

  /** Registers the subscriber if its cursor is at the log's head, or reads a page from memory. Runs in one turn. */
  #registerOrRead(subscriber: Subscriber, cursor: Cursor): Step {
    const { audience } = subscriber;
    const { known } = this.#log;
    const position = known.positionOf(cursor);
    if (subscriber.hasEnded) return { kind: 'done' };
    if (audience.memberships && !this.#memberships.isLive(audience.memberships)) throw new Refused('unavailable');
    if (position < known.tail.start) return { kind: 'catchUp', position };
    if (position < known.head) return { kind: 'page', page: this.#pageFromMemory(audience, position) };
    this.#waiters.add(subscriber);
    return { kind: 'done' };
  }

  /**
   * Reads a page from the database. Returns null if the client has left, or if the database has a newer epoch than this
   * node, which is then read first.
   */
  async #catchUp(subscriber: Subscriber, position: number): Promise<CatchUpPage | null> {
    const page = await this.#catchUpReader.read(subscriber, position);
    if (page === null || page.epoch === this.#log.known.epoch) return page;
    await this.#log.read();
    return null;
  }

  #pageFromMemory(audience: ReplayableAudience, position: number): CatchUpPage {
    const { tail, head, epoch } = this.#log.known;
    const { memberships } = audience;
    const changes = memberships ? tail.after(position, [routingKey.user(memberships.userId)]) : [];
    const groups = membershipsBefore(new Set(memberships?.groups.keys()), changes);
    const keys = new Set(audience.routingKeys());
    // A group that the user has left since then still counts, up to the leave.
    if (audience instanceof UserAudience) {
      for (const { groupId } of changes) if (groupId !== null) keys.add(routingKey.group(groupId));
    }
    const candidates = tail.after(position, keys, PAGE_SIZE);
    const end = candidates.length === PAGE_SIZE ? (candidates.at(-1)?.position ?? head) : head;
    return { ...firstPage(replay(audience, candidates, groups), end), epoch };
  }
}
