import type { LogEvent } from '../log-event.ts';
import { routingKeysOf } from '../routing-keys.ts';
import { MessageTexts } from './message-texts.ts';

/** The maximum number of events in memory: enough for a herd that reconnects after a failover. Their characters are limited too. */
export const MAX_EVENTS = 20_000;
const MAX_CHARACTERS = 32 * 1024 * 1024;

/** The newest events of the log, indexed by routing key, so that polls which return with a cursor need no database. */
export class Tail {
  #events: LogEvent[] = [];
  #byKey = new Map<string, LogEvent[]>();
  #texts = new MessageTexts();
  readonly #maxEvents: number;
  #characters = 0;
  #start: number;

  /** Starts empty after `position` and keeps at most `maxEvents` events. */
  constructor(position: number, maxEvents = MAX_EVENTS) {
    this.#start = position;
    this.#maxEvents = maxEvents;
  }

  /** The position after which every event is here. */
  get start(): number {
    return this.#start;
  }

  /** Drops everything and starts again after `position`. */
  restart(position: number): void {
    this.#start = position;
    this.#rebuild([]);
  }

  append(event: LogEvent): void {
    this.#index(event);
    if (this.#events.length > this.#maxEvents || this.#characters > MAX_CHARACTERS) this.#shorten();
  }

  /**
   * Returns the first `limit` events after `position` that belong to any of `keys`, in order, each once. `position` must
   * not be before {@link start}.
   */
  after(position: number, keys: Iterable<string>, limit = Number.POSITIVE_INFINITY): LogEvent[] {
    const found = new Set<LogEvent>();
    for (const key of keys) {
      const list = this.#byKey.get(key) ?? [];
      const from = firstAfter(list, position);
      for (let at = from; at < list.length && at - from < limit; at++) found.add(list[at] as LogEvent);
    }
    const events = [...found].sort((one, other) => one.position - other.position);
    return events.length > limit ? events.slice(0, limit) : events;
  }

  #index(event: LogEvent): void {
    this.#events.push(event);
    this.#characters += event.json?.length ?? 0;
    for (const key of routingKeysOf(event)) {
      const list = this.#byKey.get(key);
      if (list) list.push(event);
      else this.#byKey.set(key, [event]);
    }
    this.#characters += this.#texts.follow(event);
  }

  /** Drops the older half and rebuilds the index: seldom, and cheaper than removing single events. */
  #shorten(): void {
    const dropped = Math.ceil(this.#events.length / 2);
    this.#start = this.#events[dropped - 1]?.position ?? this.#start;
    this.#rebuild(this.#events.slice(dropped));
  }

  #rebuild(kept: readonly LogEvent[]): void {
    this.#events = [];
    this.#byKey = new Map();
    this.#texts = new MessageTexts();
    this.#characters = 0;
    for (const event of kept) this.#index(event);
  }
}

/** Returns the index of the first event after `position` in an ordered list. */
function firstAfter(list: readonly LogEvent[], position: number): number {
  let low = 0;
  let high = list.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((list[middle] as LogEvent).position <= position) low = middle + 1;
    else high = middle;
  }
  return low;
}
