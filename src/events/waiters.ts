import { DeliveryPage } from './delivery-page.ts';
import type { LogEvent } from './log-event.ts';
import { topicsOf } from './log-event.ts';

/**
 * Those who hear the same: one for a group's name, one for each user, however many polls and streams wait on it. Its
 * topics may change while it waits (a user joins a group); {@link Waiters.follow} and `unfollow` keep the index true.
 */
export interface Audience {
  readonly id: string;
  topics(): Iterable<string>;
  matches(event: LogEvent): boolean;
  /** What it waits on, as people call it. */
  names(): Iterable<string>;
  /** Called when the first waiter of this audience comes and when the last one leaves: what it stands on is in use between. */
  hold?(): void;
  release?(): void;
}

/** Why somebody is told: events to hear; the node's role changed; the log was begun anew; the node is stopping. */
export type WakeReason = 'events' | 'role' | 'history' | 'stopping';

/**
 * News for one audience: what it hears of the events up to `cursor`, which is made when the waiters are chosen, since by
 * the time they are told the log may be another one. No events where the occasion is another. News that would be too
 * large end earlier, and so does their cursor.
 */
export interface Delivery {
  readonly reason: WakeReason;
  readonly audience: Audience;
  readonly events: readonly LogEvent[];
  readonly cursor: string;
}

/**
 * One poll or stream that waits. Neither call may throw. Between the two nothing that the waiter does by itself (its
 * deadline, its heartbeat) may hand out a later cursor than that of the news it has taken.
 */
export interface Waiter {
  readonly audience: Audience;
  /** Takes the news, in the very turn in which the events were matched; a poll leaves the waiters here. Must be cheap. */
  stage(news: Delivery): void;
  /** Answers with what it has taken; in a later turn where many are told. */
  flush(): void;
}

interface Subscribers {
  audience: Audience;
  waiters: Set<Waiter>;
}

/** Waiters told before the event loop gets its turn, so that /health and heartbeats stay quick in a large wake-up. */
const SLICE = 250;

/**
 * All who wait on this node, found by topic. Delivery is exact by order of work, not by locks: a batch of events is
 * matched and taken by its waiters in one turn of the event loop, and a poll compares with the log's head and registers
 * in one turn too (see chat/subscriptions.ts). Only the writing to sockets is spread over turns.
 */
export class Waiters {
  readonly #places = new Map<string, Subscribers>();
  readonly #byTopic = new Map<string, Set<Subscribers>>();
  #size = 0;
  #occasions = 0;
  #toTell: Waiter[] = [];
  #told = 0;

  get size(): number {
    return this.#size;
  }

  /** How often all have been told something: who compares it sees whether that happened meanwhile. */
  get wakeUps(): number {
    return this.#occasions;
  }

  has(waiter: Waiter): boolean {
    return this.#places.get(waiter.audience.id)?.waiters.has(waiter) ?? false;
  }

  /** The names that somebody waits on: of groups and of free topics. */
  names(): Set<string> {
    const names = new Set<string>();
    for (const { audience } of this.#places.values()) for (const name of audience.names()) names.add(name);
    return names;
  }

  /** The topics that somebody waits on. */
  topics(): Iterable<string> {
    return this.#byTopic.keys();
  }

  /** Those who wait on this topic. */
  *audiencesOn(topic: string): Iterable<Audience> {
    for (const { audience } of this.#byTopic.get(topic) ?? []) yield audience;
  }

  add(waiter: Waiter): void {
    const { audience } = waiter;
    let place = this.#places.get(audience.id);
    if (!place) {
      place = { audience, waiters: new Set() };
      this.#places.set(audience.id, place);
      audience.hold?.();
      for (const topic of audience.topics()) this.follow(audience.id, topic);
    }
    if (!place.waiters.has(waiter)) this.#size++;
    place.waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    const place = this.#places.get(waiter.audience.id);
    if (!place?.waiters.delete(waiter)) return;
    this.#size--;
    if (place.waiters.size === 0) this.#close(place);
  }

  /** The audience hears `topic` from now on. */
  follow(id: string, topic: string): void {
    const place = this.#places.get(id);
    if (!place) return;
    const places = this.#byTopic.get(topic);
    if (places) places.add(place);
    else this.#byTopic.set(topic, new Set([place]));
  }

  /** The audience hears `topic` no more. */
  unfollow(id: string, topic: string): void {
    const place = this.#places.get(id);
    if (place) this.#unindex(place, topic);
  }

  /**
   * Tells every waiter that hears any of the batch; `end` is the cursor of its end. `before` and `after` run around each
   * event, so that a membership counts from its very event in the log.
   */
  dispatch(
    batch: readonly LogEvent[],
    end: string,
    before: (event: LogEvent) => void,
    after: (event: LogEvent) => void,
  ): void {
    const heard = new Map<Subscribers, DeliveryPage>();
    for (const event of batch) {
      before(event);
      if (event.json !== null) {
        for (const place of this.#placesOf(event)) {
          if (!place.audience.matches(event)) continue;
          const page = heard.get(place) ?? new DeliveryPage();
          if (page.add(event)) heard.set(place, page);
        }
      }
      after(event);
    }
    for (const [place, { events, last, isFull }] of heard) {
      this.#give(place, { reason: 'events', events, cursor: isFull && last ? last.cursor : end });
    }
    this.#tellSoon();
  }

  /** Tells every waiter of an occasion without events. */
  wakeAll(occasion: Exclude<WakeReason, 'events'>, cursor: string): void {
    this.#occasions++;
    for (const place of [...this.#places.values()]) this.#give(place, { reason: occasion, events: [], cursor });
    this.#tellSoon();
  }

  /** Tells every waiter that the log was begun anew, and forgets them all: what their audiences know is of the old one. */
  dismiss(cursor: string): void {
    this.wakeAll('history', cursor);
    for (const place of [...this.#places.values()]) {
      this.#size -= place.waiters.size;
      this.#close(place);
    }
  }

  #give(place: Subscribers, news: Omit<Delivery, 'audience'>): void {
    const shared = { ...news, audience: place.audience };
    for (const waiter of place.waiters) {
      waiter.stage(shared);
      this.#toTell.push(waiter);
    }
  }

  /** Tells in slices, first chosen first told. */
  #tellSoon(): void {
    if (this.#told === 0 && this.#toTell.length > 0) this.#tellSlice();
  }

  #tellSlice(): void {
    const end = Math.min(this.#told + SLICE, this.#toTell.length);
    try {
      while (this.#told < end) this.#toTell[this.#told++]?.flush();
    } finally {
      // Also where one has thrown against its promise: the others must not wait for ever.
      if (this.#told < this.#toTell.length) {
        setImmediate(() => this.#tellSlice());
      } else {
        this.#toTell = [];
        this.#told = 0;
      }
    }
  }

  *#placesOf(event: LogEvent): Iterable<Subscribers> {
    const found = new Set<Subscribers>();
    for (const topic of topicsOf(event)) for (const place of this.#byTopic.get(topic) ?? []) found.add(place);
    yield* found;
  }

  #close(place: Subscribers): void {
    this.#places.delete(place.audience.id);
    for (const topic of place.audience.topics()) this.#unindex(place, topic);
    place.audience.release?.();
  }

  #unindex(place: Subscribers, topic: string): void {
    const places = this.#byTopic.get(topic);
    if (places?.delete(place) && places.size === 0) this.#byTopic.delete(topic);
  }
}
