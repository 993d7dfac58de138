import type { StandingSession } from '../database/standing-session.ts';
import { parseCursor } from '../events/cursor.ts';
import { type EventLog, PAGE } from '../events/event-log.ts';
import { type LogEvent, topicOf } from '../events/log-event.ts';
import type { News, Waiter, Waiters } from '../events/waiters.ts';
import type { ReplayableAudience } from './audiences.ts';
import { UserAudience } from './audiences.ts';
import { type Heard, readBacklog, replay, rewind } from './backlog.ts';
import type { Rosters } from './rosters.ts';

/**
 * Listening to the log: from a cursor, without gap or overlap, then waiting for what comes.
 *
 * The order that makes it exact: within one turn of the event loop, compare the position with the log's head and, where
 * nothing lies between, register the waiter. Events are handed out in one turn too, so none can slip in between.
 */
export class Subscriptions {
  readonly #session: StandingSession;
  readonly #log: EventLog;
  readonly #waiters: Waiters;
  readonly #rosters: Rosters;

  constructor(session: StandingSession, log: EventLog, waiters: Waiters, rosters: Rosters) {
    this.#session = session;
    this.#log = log;
    this.#waiters = waiters;
    this.#rosters = rosters;
  }

  /**
   * Where listening begins: the cursor's position, or the log's head without one.
   * @throws {MalformedCursorError} {CursorExpiredError} and the database's error when it cannot be asked.
   */
  async position(cursor: string | null): Promise<number> {
    return cursor === null ? this.#log.head : this.#log.continue(parseCursor(cursor));
  }

  /**
   * Answers what the waiter's audience has missed since `position`; where that is nothing, registers the waiter and
   * answers null.
   * @throws {CursorExpiredError} where retention has passed the position.
   */
  async listen(waiter: Waiter & { audience: ReplayableAudience }, position: number): Promise<News | null> {
    const { audience } = waiter;
    for (let from = position; ; ) {
      const heard =
        from >= this.#log.tail.start
          ? this.#fromMemory(audience, from)
          : await readBacklog(this.#session, this.#log, audience, from);
      if (heard.events.length > 0) return { audience, ...heard };
      if (heard.position >= this.#log.head) {
        // A page from the database may end ahead of what this node has read; then the loop waits for it to arrive.
        if (heard.position > this.#log.head) await this.#log.reached(heard.position);
        else {
          this.#waiters.add(waiter);
          return null;
        }
      }
      from = heard.position;
    }
  }

  /** Hands a batch of events to those who wait, memberships taking effect at their very events. */
  deliver(batch: readonly LogEvent[]): void {
    this.#waiters.dispatch(
      batch,
      (event) => {
        if (event.kind === 'joined') this.#move(event);
      },
      (event) => {
        if (event.kind === 'left') this.#move(event);
      },
    );
  }

  #move(event: LogEvent): void {
    const roster = this.#rosters.apply(event);
    if (!roster || event.groupId === null) return;
    const id = UserAudience.idOf(roster.userId);
    if (event.kind === 'joined') this.#waiters.follow(id, topicOf.group(event.groupId));
    else this.#waiters.unfollow(id, topicOf.group(event.groupId));
  }

  #fromMemory(audience: ReplayableAudience, position: number): Heard {
    const { tail, head } = this.#log;
    const moves = audience.roster ? tail.after(position, [topicOf.user(audience.roster.userId)]) : [];
    const before = audience.roster
      ? rewind(
          new Set(audience.roster.groups.keys()),
          moves.map((move) => ({ kind: move.kind, group_id: move.groupId })),
        )
      : new Set<number>();
    const topics = new Set(audience.topics());
    if (audience instanceof UserAudience) {
      for (const groupId of before) topics.add(topicOf.group(groupId));
      for (const move of moves) if (move.groupId !== null) topics.add(topicOf.group(move.groupId));
    }
    const events = replay(audience, tail.after(position, topics), before);
    if (events.length <= PAGE) return { events, position: head };
    const page = events.slice(0, PAGE);
    return { events: page, position: page.at(-1)?.position ?? head };
  }
}
