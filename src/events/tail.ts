import { type LogEvent, topicsOf } from './log-event.ts';

/** Most events in memory: enough for a herd that reconnects after a failover. Their characters are limited too. */
export const MOST_EVENTS = 20_000;
const MOST_CHARACTERS = 32 * 1024 * 1024;

/** The events that carry a message: the one that sent it, and its last edit. */
interface MessageEvents {
  sent?: LogEvent;
  edited?: LogEvent;
}

/** The newest events of the log, indexed by topic, so that polls which return with a cursor need no database. */
export class Tail {
  #events: LogEvent[] = [];
  #byTopic = new Map<string, LogEvent[]>();
  #byMessage = new Map<number, MessageEvents>();
  readonly #most: number;
  #characters = 0;
  #start: number;

  /** Starts empty after `position` and keeps at most `most` events. */
  constructor(position: number, most = MOST_EVENTS) {
    this.#start = position;
    this.#most = most;
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
    if (this.#events.length > this.#most || this.#characters > MOST_CHARACTERS) this.#shorten();
  }

  /**
   * Returns the first `most` events after `position` that belong to any of `topics`, in order, each once. `position` must
   * not be before {@link start}.
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
    if (event.messageId !== null) this.#followMessage(event, event.messageId);
  }

  /** Keeps one text of a message: an edit replaces the earlier ones here, a deletion removes them. */
  #followMessage(event: LogEvent, messageId: number): void {
    const { sent, edited } = this.#byMessage.get(messageId) ?? {};
    switch (event.kind) {
      case 'message':
        this.#byMessage.set(messageId, { sent: event });
        break;
      case 'message_edited':
        // Edited again since: the later event carries the text.
        if (event.message === null) break;
        if (edited) this.#setText(edited, null);
        if (sent) this.#setText(sent, event.message);
        this.#byMessage.set(messageId, { ...(sent && { sent }), edited: event });
        break;
      case 'message_deleted':
        if (edited) this.#setText(edited, null);
        if (sent) this.#setText(sent, null);
        this.#byMessage.delete(messageId);
    }
  }

  #setText(event: LogEvent, message: string | null): void {
    const { json, message: earlier } = event;
    this.#characters -= json?.length ?? 0;
    event.json = json !== null && earlier !== null && message !== null ? json.replace(earlier, () => message) : null;
    event.message = event.json === null ? null : message;
    this.#characters += event.json?.length ?? 0;
  }

  /** Drops the older half and rebuilds the index: seldom, and cheaper than removing single events. */
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
