import { type LogEvent, topicsOf } from './log-event.ts';

/** What a node keeps of the log in memory: enough for a herd that reconnects after a failover, bounded both ways. */
export const MOST_EVENTS = 20_000;
const MOST_CHARACTERS = 32 * 1024 * 1024;

/** The newest events of the log, found by topic, so that polls which come back are answered without the database. */
export class Tail {
  #events: LogEvent[] = [];
  #byTopic = new Map<string, LogEvent[]>();
  #byMessage = new Map<number, LogEvent>();
  readonly #most: number;
  #characters = 0;
  #start: number;

  /** Begins empty behind `position`; keeps at most `most` events. */
  constructor(position: number, most = MOST_EVENTS) {
    this.#start = position;
    this.#most = most;
  }

  /** Everything after this position is here. */
  get start(): number {
    return this.#start;
  }

  /** Drops everything and begins anew behind `position`. */
  restart(position: number): void {
    this.#start = position;
    this.#rebuild([]);
  }

  append(event: LogEvent): void {
    this.#index(event);
    if (event.kind === 'message_deleted' && event.messageId !== null) this.#forget(event.messageId);
    if (this.#events.length > this.#most || this.#characters > MOST_CHARACTERS) this.#shorten();
  }

  /**
   * The first `most` events after `position` that belong to any of `topics`, in order, each once. `position` must not be
   * before {@link start}.
   */
  after(position: number, topics: Iterable<string>, most = Number.POSITIVE_INFINITY): LogEvent[] {
    const found = new Set<LogEvent>();
    for (const topic of topics) {
      const list = this.#byTopic.get(topic) ?? [];
      const from = firstAfter(list, position);
      for (let at = from; at < list.length && at - from < most; at++) found.add(list[at] as LogEvent);
    }
    const events = [...found].sort((one, other) => one.position - other.position);
    return events.length > most ? events.slice(0, most) : events;
  }

  #index(event: LogEvent): void {
    this.#events.push(event);
    this.#characters += event.json?.length ?? 0;
    for (const topic of topicsOf(event)) {
      const list = this.#byTopic.get(topic);
      if (list) list.push(event);
      else this.#byTopic.set(topic, [event]);
    }
    if (event.kind === 'message' && event.messageId !== null) this.#byMessage.set(event.messageId, event);
  }

  /** A deleted message's text is deleted here too. */
  #forget(messageId: number): void {
    const event = this.#byMessage.get(messageId);
    if (!event) return;
    this.#byMessage.delete(messageId);
    this.#characters -= event.json?.length ?? 0;
    event.json = null;
    event.message = null;
  }

  /** Drops the older half and builds the index anew: a little work, seldom, instead of some at every event. */
  #shorten(): void {
    const dropped = Math.ceil(this.#events.length / 2);
    this.#start = this.#events[dropped - 1]?.position ?? this.#start;
    this.#rebuild(this.#events.slice(dropped));
  }

  #rebuild(kept: readonly LogEvent[]): void {
    this.#events = [];
    this.#byTopic = new Map();
    this.#byMessage = new Map();
    this.#characters = 0;
    for (const event of kept) this.#index(event);
  }
}

/** Where the events after `position` begin in a list that is in order. */
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
