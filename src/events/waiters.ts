import type { LogEvent } from './log-event.ts';
import { topicsOf } from './log-event.ts';

/**
 * Those who hear the same: one for a group's name, one for each user, however many polls and streams wait on it. Its
 * topics may change while it waits (a user joins a group); {@link Waiters.follow} and `unfollow` keep the index true.
 */
export interface Audience {
  readonly id: string;
  topics(): Iterable<string>;
  hears(event: LogEvent): boolean;
  /** What it waits on, as people call it. */
  names(): Iterable<string>;
}

/** News for one audience: what it hears of the events up to `position`; none where only the node's state changed. */
export interface News {
  readonly audience: Audience;
  readonly events: readonly LogEvent[];
  readonly position: number;
}

/** One poll or stream that waits. `tell` must not throw; a poll takes itself out of the waiters when told. */
export interface Waiter {
  readonly audience: Audience;
  tell(news: News): void;
}

interface Place {
  audience: Audience;
  waiters: Set<Waiter>;
}

/** Waiters told before the event loop gets its turn, so that /health and heartbeats stay quick in a large wake-up. */
const SLICE = 250;

/**
 * All who wait on this node, found by topic. Delivery is exact by order of work, not by locks: a batch of events is
 * matched and its waiters chosen in one turn of the event loop, and a poll registers and compares with the log's head in
 * one turn too (see chat/subscriptions.ts).
 */
export class Waiters {
  readonly #places = new Map<string, Place>();
  readonly #byTopic = new Map<string, Set<Place>>();
  #size = 0;
  #toTell: [Waiter, News][] = [];
  #told = 0;

  get size(): number {
    return this.#size;
  }

  /** The audience that already waits under this id, to be shared. */
  audience(id: string): Audience | undefined {
    return this.#places.get(id)?.audience;
  }

  /** The names that somebody waits on: of groups and of free topics. */
  names(): Set<string> {
    const names = new Set<string>();
    for (const { audience } of this.#places.values()) for (const name of audience.names()) names.add(name);
    return names;
  }

  add(waiter: Waiter): void {
    const { audience } = waiter;
    let place = this.#places.get(audience.id);
    if (!place) {
      place = { audience, waiters: new Set() };
      this.#places.set(audience.id, place);
      for (const topic of audience.topics()) this.follow(audience.id, topic);
    }
    if (!place.waiters.has(waiter)) this.#size++;
    place.waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    const place = this.#places.get(waiter.audience.id);
    if (!place?.waiters.delete(waiter)) return;
    this.#size--;
    if (place.waiters.size > 0) return;
    this.#places.delete(waiter.audience.id);
    for (const topic of place.audience.topics()) this.#unindex(place, topic);
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
   * Tells every waiter that hears any of the batch. `before` and `after` run around each event, so that a membership
   * counts from its very event in the log.
   */
  dispatch(batch: readonly LogEvent[], before: (event: LogEvent) => void, after: (event: LogEvent) => void): void {
    const heard = new Map<Place, LogEvent[]>();
    for (const event of batch) {
      before(event);
      if (event.json !== null) {
        for (const place of this.#placesOf(event)) {
          if (!place.audience.hears(event)) continue;
          const list = heard.get(place);
          if (list) list.push(event);
          else heard.set(place, [event]);
        }
      }
      after(event);
    }
    const position = batch.at(-1)?.position ?? 0;
    this.#tell([...heard].map(([place, events]) => ({ place, news: { audience: place.audience, events, position } })));
  }

  /** Tells every waiter that the node's state changed, or that it is stopping. */
  tellAll(position: number): void {
    this.#tell(
      [...this.#places.values()].map((place) => ({ place, news: { audience: place.audience, events: [], position } })),
    );
  }

  /**
   * Chooses the waiters now and tells them in slices, first chosen first told: who registers meanwhile has compared with
   * a newer head, and a stream that is told twice is told in order.
   */
  #tell(all: { place: Place; news: News }[]): void {
    const isIdle = this.#toTell.length === 0;
    for (const { place, news } of all) for (const waiter of place.waiters) this.#toTell.push([waiter, news]);
    if (isIdle) this.#tellSlice();
  }

  #tellSlice(): void {
    const end = Math.min(this.#told + SLICE, this.#toTell.length);
    for (; this.#told < end; this.#told++) {
      const next = this.#toTell[this.#told];
      if (next) next[0].tell(next[1]);
    }
    if (this.#told < this.#toTell.length) {
      setImmediate(() => this.#tellSlice());
    } else {
      this.#toTell = [];
      this.#told = 0;
    }
  }

  *#placesOf(event: LogEvent): Iterable<Place> {
    if (event.kind === 'broadcast') {
      yield* this.#places.values();
      return;
    }
    const topics = topicsOf(event);
    const found = new Set<Place>();
    for (const topic of topics) for (const place of this.#byTopic.get(topic) ?? []) found.add(place);
    yield* found;
  }

  #unindex(place: Place, topic: string): void {
    const places = this.#byTopic.get(topic);
    if (places?.delete(place) && places.size === 0) this.#byTopic.delete(topic);
  }
}
