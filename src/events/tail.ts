import { type LogEvent, topicsOf } from './log-event.ts';

/** What a node keeps of the log in memory: enough for a herd that reconnects after a failover, bounded both ways. */
const MOST_EVENTS = 20_000;
const MOST_CHARACTERS = 32 * 1024 * 1024;

/** The newest events of the log, found by topic, so that polls which come back are answered without the database. */
export class Tail {
  #events: LogEvent[] = [];
  #byTopic = new Map<string, LogEvent[]>();
  #characters = 0;
  #start: number;

  /** Begins empty behind `position`. */
  constructor(position: number) {
    this.#start = position;
  }

  /** Everything after this position is here. */
  get start(): number {
    return this.#start;
  }

  append(event: LogEvent): void {
    this.#events.push(event);
    this.#characters += event.json?.length ?? 0;
    for (const topic of topicsOf(event)) {
      const list = this.#byTopic.get(topic);
      if (list) list.push(event);
      else this.#byTopic.set(topic, [event]);
    }
    if (event.kind === 'message_deleted' && event.messageId !== null) this.#forget(event);
    if (this.#events.length > MOST_EVENTS || this.#characters > MOST_CHARACTERS) this.#shorten();
  }

  /** The events after `position` that belong to any of `topics`, in order, each once. `position` must not be before {@link start}. */
  after(position: number, topics: Iterable<string>): LogEvent[] {
    const found = new Set<LogEvent>();
    for (const topic of topics) {
      const list = this.#byTopic.get(topic);
      for (let at = (list?.length ?? 0) - 1; at >= 0; at--) {
        const event = list?.[at];
        if (!event || event.position <= position) break;
        found.add(event);
      }
    }
    return [...found].sort((one, other) => one.position - other.position);
  }

  /** A deleted message's text is deleted here too. */
  #forget(deletion: LogEvent): void {
    const list = deletion.groupId === null ? [] : (this.#byTopic.get(`g:${deletion.groupId}`) ?? []);
    for (const event of list) {
      if (event.kind !== 'message' || event.messageId !== deletion.messageId) continue;
      this.#characters -= event.json?.length ?? 0;
      event.json = null;
      event.message = null;
    }
  }

  /** Drops the older half and builds the index anew: a little work, seldom, instead of some at every event. */
  #shorten(): void {
    const kept = this.#events.slice(Math.ceil(this.#events.length / 2));
    this.#start = (kept[0]?.position ?? this.#start + 1) - 1;
    this.#events = [];
    this.#byTopic = new Map();
    this.#characters = 0;
    for (const event of kept) this.append(event);
  }
}
