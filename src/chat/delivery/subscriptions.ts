import { type Cursor, formatCursor } from '../../events/cursor.ts';
import { PAGE_SIZE } from '../../events/delivery-page.ts';
import type { EventLog } from '../../events/event-log.ts';
import { type Interest, interestOf } from '../../events/interest.ts';
import { type LogEvent, topicOf } from '../../events/log-event.ts';
import type { Delivery, Waiter, Waiters } from '../../events/waiters.ts';
import { Refused } from '../errors.ts';
import { type ReplayableAudience, UserAudience } from './audiences.ts';
import type { CatchUpReader } from './catch-up-reader.ts';
import type { MembershipCache } from './membership-cache.ts';
import { pageOf, type Replayed, replay, rewind } from './replay.ts';

/** Who listens: a waiter that may have given up meanwhile. */
export interface Subscriber extends Waiter {
  readonly audience: ReplayableAudience;
  /** True where its client has left: nothing is read or registered for it any more. */
  readonly isOver: boolean;
}

/** Pages of the log without anything to hear that are read for one answer; then it tells how far it has come. */
const MOST_PAGES = 20;

/**
 * Listening to the log: from a cursor, without gap or overlap, then waiting for what comes.
 *
 * The order that makes it exact: within one turn of the event loop, check the cursor against the log as this node knows
 * it, compare its position with the log's head and, where nothing lies between, register the waiter. Events are matched
 * and taken in one turn too, so none can slip in between; and whatever was awaited before, the check is made anew.
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
   * Answers what the waiter's audience has missed since `from`; where that is nothing, registers the waiter and answers
   * null.
   * @throws {CursorExpiredError} where the log cannot be continued from there without a gap; {Refused} overloaded, or
   * unavailable where the log was begun anew meanwhile; the database's error where it has to be asked and cannot.
   */
  async subscribe(waiter: Subscriber, from: Cursor): Promise<Delivery | null> {
    const { audience } = waiter;
    let cursor = from;
    for (let pages = 0; ; pages++) {
      await this.#log.settle(cursor);
      for (let end = this.#log.fastForward; end; end = this.#log.fastForward) await end.catch(() => {});
      const position = this.#log.positionOf(cursor);
      if (waiter.isOver) return null;
      if (audience.memberships && !this.#memberships.isLive(audience.memberships)) throw new Refused('unavailable');
      const isInMemory = position >= this.#log.tail.start;
      if (isInMemory && position === this.#log.head) {
        this.#waiters.add(waiter);
        return null;
      }
      const heard = isInMemory ? this.#fromMemory(audience, position) : await this.#fromBacklog(waiter, position);
      if (heard === null) continue;
      cursor = { epoch: heard.epoch, position: heard.position };
      if (heard.events.length > 0 || pages === MOST_PAGES) {
        return { reason: 'events', audience, events: heard.events, cursor: formatCursor(cursor) };
      }
    }
  }

  /** What the log must read for those who wait and for the memberships that are kept. */
  interest(): Interest {
    return interestOf(this.#waiters.topics(), this.#memberships.userIds());
  }

  /** Hands a batch of events to those who wait, memberships taking effect at their very events. */
  deliver(batch: readonly LogEvent[]): void {
    this.#waiters.dispatch(
      batch,
      this.#log.cursorAt(this.#log.head),
      (event) => {
        this.#memberships.learnName(event);
        if (event.kind === 'joined') this.#move(event);
      },
      (event) => {
        if (event.kind === 'left') this.#move(event);
      },
    );
  }

  /** The log was begun anew: what is known of members is of the old one. `cursor` is where those who wait had come to. */
  dismiss(cursor: string): void {
    this.#waiters.dismiss(cursor);
    this.#memberships.clear();
  }

  #move(event: LogEvent): void {
    const memberships = this.#memberships.apply(event);
    if (!memberships || event.groupId === null) return;
    const id = UserAudience.idOf(memberships.userId);
    if (event.kind === 'joined') this.#waiters.follow(id, topicOf.group(event.groupId));
    else this.#waiters.unfollow(id, topicOf.group(event.groupId));
  }

  /**
   * Null where the waiter has left, or the database has a newer epoch than this node has read of: then that has to be
   * read first.
   */
  async #fromBacklog(waiter: Subscriber, position: number): Promise<(Replayed & { epoch: string }) | null> {
    const heard = await this.#catchUpReader.read(waiter, position);
    if (heard === null || heard.epoch === this.#log.epoch) return heard;
    await this.#log.look();
    return null;
  }

  #fromMemory(audience: ReplayableAudience, position: number): Replayed & { epoch: string } {
    const { tail, head, epoch } = this.#log;
    const moves = audience.memberships ? tail.after(position, [topicOf.user(audience.memberships.userId)]) : [];
    const before = audience.memberships
      ? rewind(new Set(audience.memberships.groups.keys()), moves)
      : new Set<number>();
    const topics = new Set(audience.topics());
    // Groups that were left since count up to there.
    if (audience instanceof UserAudience) {
      for (const move of moves) if (move.groupId !== null) topics.add(topicOf.group(move.groupId));
    }
    const candidates = tail.after(position, topics, PAGE_SIZE);
    const end = candidates.length === PAGE_SIZE ? (candidates.at(-1)?.position ?? head) : head;
    return { ...pageOf(replay(audience, candidates, before), end), epoch };
  }
}
