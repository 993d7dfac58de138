import type { LogEvent } from './log-event.ts';
import { routingKeysOf } from './routing-keys.ts';

/**
 * The subject of a subscription: one object for a group's name and one for each user, however many polls and streams share
 * it. Its routing keys may change while it waits (a user joins a group): {@link Waiters.follow} and `unfollow` update the index.
 */
export interface Audience {
  readonly id: string;
  routingKeys(): Iterable<string>;
  /** Returns true if the event is for this audience, with the current memberships. */
  matches(event: LogEvent): boolean;
  /** Returns the name of a group that it waits for by its id; null if it does not know it. */
  groupName(groupId: number): string | null;
  /**
   * Called when the first waiter of this audience registers. Objects that it refers to, such as cached memberships, are kept
   * until `release`.
   */
  hold?(): void;
  /** Called when the last waiter of this audience leaves. */
  release?(): void;
}

/** Why a waiter is woken: events or signals arrived, the node's role changed, the log was replaced, or the node is stopping. */
export type WakeReason = 'events' | 'ephemeral' | 'role' | 'logReplaced' | 'stopping';

/**
 * One delivery to an audience: the events that it matches up to `cursor`; none unless the reason is `events`. The cursor is
 * fixed when the delivery is staged, since the log may have been replaced by the time it is flushed. A delivery that would
 * be too large ends earlier, and so does its cursor.
 */
export interface Delivery {
  readonly reason: WakeReason;
  readonly audience: Audience;
  readonly events: readonly LogEvent[];
  readonly cursor: string;
  /** JSON of signals that are in no log (typing, presence); with the reason `ephemeral`, or beside a change of the state. */
  readonly ephemeral?: readonly string[];
}

/**
 * One poll or stream that waits. Neither call may throw. Between the two, nothing that the waiter does by itself (its
 * deadline, its heartbeat) may hand out a cursor later than that of the staged delivery.
 */
export interface Waiter {
  readonly audience: Audience;
  /** True if it is also woken by signals. */
  readonly wantsEphemeral?: boolean;
  /**
   * Keeps the delivery, in the very turn in which its events were matched. A poll removes itself from the waiters here. Must be
   * cheap.
   */
  stage(delivery: Delivery): void;
  /** Sends what was staged, in a later turn if many waiters are woken. */
  flush(): void;
}

/** The waiters of one audience. */
export interface Subscribers {
  readonly audience: Audience;
  readonly waiters: Set<Waiter>;
  /** The number of waiters that want signals. */
  ephemeralWaiters: number;
}

/** Number of waiters that are flushed before the event loop runs other work: /health and heartbeats stay quick in a large wake-up. */
const SLICE = 250;

/** The polls and streams that wait on this node, found by routing key. A passive index: event-delivery.ts decides who gets what. */
export class Waiters {
  readonly #byAudience = new Map<string, Subscribers>();
  readonly #byKey = new Map<string, Set<Subscribers>>();
  #size = 0;
  #ephemeralWaiters = 0;
  #wakeUps = 0;
  #staged: Waiter[] = [];
  #flushed = 0;
  #flushBeganAt = 0;
  readonly #onFlushed: (ms: number) => void;

  /** `onFlushed` receives the duration of each wake-up. */
  constructor(onFlushed: (ms: number) => void = () => {}) {
    this.#onFlushed = onFlushed;
  }

  get size(): number {
    return this.#size;
  }

  /** The number of waiters that want signals. */
  get ephemeralWaiters(): number {
    return this.#ephemeralWaiters;
  }

  /** How often {@link wakeAll} was called. A poll compares it, to notice one that happened before it registered. */
  get wakeUps(): number {
    return this.#wakeUps;
  }

  has(waiter: Waiter): boolean {
    return this.#byAudience.get(waiter.audience.id)?.waiters.has(waiter) ?? false;
  }

  /** The keys that have a waiter. */
  routingKeys(): Iterable<string> {
    return this.#byKey.keys();
  }

  /** Returns true if an audience waits for this key. */
  isAwaited(key: string): boolean {
    return this.#byKey.has(key);
  }

  /** The audiences that wait for this key. */
  *audiencesOn(key: string): Iterable<Audience> {
    for (const { audience } of this.#byKey.get(key) ?? []) yield audience;
  }

  add(waiter: Waiter): void {
    const { audience } = waiter;
    let subscribers = this.#byAudience.get(audience.id);
    if (!subscribers) {
      subscribers = { audience, waiters: new Set(), ephemeralWaiters: 0 };
      this.#byAudience.set(audience.id, subscribers);
      audience.hold?.();
      for (const key of audience.routingKeys()) this.follow(audience.id, key);
    }
    if (!subscribers.waiters.has(waiter)) this.#count(subscribers, waiter, 1);
    subscribers.waiters.add(waiter);
  }

  remove(waiter: Waiter): void {
    const subscribers = this.#byAudience.get(waiter.audience.id);
    if (!subscribers?.waiters.delete(waiter)) return;
    this.#count(subscribers, waiter, -1);
    if (subscribers.waiters.size === 0) this.#close(subscribers);
  }

  /** Adds a key to an audience that waits. */
  follow(audienceId: string, key: string): void {
    const subscribers = this.#byAudience.get(audienceId);
    if (!subscribers) return;
    const onKey = this.#byKey.get(key);
    if (onKey) onKey.add(subscribers);
    else this.#byKey.set(key, new Set([subscribers]));
  }

  /** Removes a key from an audience that waits. */
  unfollow(audienceId: string, key: string): void {
    const subscribers = this.#byAudience.get(audienceId);
    if (subscribers) this.#unindex(subscribers, key);
  }

  /** Returns the subscribers that an event is for, each once. An event without JSON is for none. */
  matching(event: LogEvent): Set<Subscribers> {
    const found = new Set<Subscribers>();
    if (event.json === null) return found;
    for (const key of routingKeysOf(event)) {
      for (const subscribers of this.#byKey.get(key) ?? []) {
        if (!found.has(subscribers) && subscribers.audience.matches(event)) found.add(subscribers);
      }
    }
    return found;
  }

  /** Returns how many subscribers {@link matching} compares with an event. */
  comparisons(event: LogEvent): number {
    if (event.json === null) return 0;
    let count = 0;
    for (const key of routingKeysOf(event)) count += this.#byKey.get(key)?.size ?? 0;
    return count;
  }

  /** Returns the subscribers of a key that want signals; null if there are more than `max` on the key. */
  ephemeralSubscribers(key: string, max: number): Subscribers[] | null {
    const onKey = this.#byKey.get(key);
    if (!onKey) return [];
    return onKey.size > max ? null : [...onKey].filter(({ ephemeralWaiters }) => ephemeralWaiters > 0);
  }

  /** Gives every waiter of an audience the same delivery, but signals only to those that want them; {@link flush} sends it. */
  stage({ audience, waiters }: Subscribers, delivery: Omit<Delivery, 'audience'>): void {
    const shared: Delivery = { ...delivery, audience };
    for (const waiter of waiters) {
      if (delivery.reason === 'ephemeral' && !waiter.wantsEphemeral) continue;
      waiter.stage(shared);
      this.#staged.push(waiter);
    }
  }

  /** Lets the waiters send what was staged, in slices and in the order of staging. */
  flush(): void {
    if (this.#flushed > 0 || this.#staged.length === 0) return;
    this.#flushBeganAt = performance.now();
    this.#flushSlice();
  }

  /** Wakes every waiter for a reason other than events. */
  wakeAll(reason: Exclude<WakeReason, 'events' | 'ephemeral'>, cursor: string): void {
    this.#wakeUps++;
    for (const subscribers of [...this.#byAudience.values()]) this.stage(subscribers, { reason, events: [], cursor });
    this.flush();
  }

  /** Wakes every waiter because the log was replaced, and drops them all: their audiences belong to the old log. */
  dismiss(cursor: string): void {
    this.wakeAll('logReplaced', cursor);
    for (const subscribers of [...this.#byAudience.values()]) {
      for (const waiter of subscribers.waiters) this.#count(subscribers, waiter, -1);
      this.#close(subscribers);
    }
  }

  #flushSlice(): void {
    const end = Math.min(this.#flushed + SLICE, this.#staged.length);
    try {
      while (this.#flushed < end) this.#staged[this.#flushed++]?.flush();
    } finally {
      // In `finally`, because a waiter may throw, contrary to its contract: the others must not wait forever.
      if (this.#flushed < this.#staged.length) {
        setImmediate(() => this.#flushSlice());
      } else {
        this.#staged = [];
        this.#flushed = 0;
        this.#onFlushed(performance.now() - this.#flushBeganAt);
      }
    }
  }

  #count(subscribers: Subscribers, waiter: Waiter, one: 1 | -1): void {
    this.#size += one;
    if (!waiter.wantsEphemeral) return;
    this.#ephemeralWaiters += one;
    subscribers.ephemeralWaiters += one;
  }

  #close(subscribers: Subscribers): void {
    const { audience } = subscribers;
    this.#byAudience.delete(audience.id);
    for (const key of audience.routingKeys()) this.#unindex(subscribers, key);
    audience.release?.();
  }

  #unindex(subscribers: Subscribers, key: string): void {
    const onKey = this.#byKey.get(key);
    if (onKey?.delete(subscribers) && onKey.size === 0) this.#byKey.delete(key);
  }
}
