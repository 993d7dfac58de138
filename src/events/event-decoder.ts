import type { Log } from '../log.ts';
import type { FeedRow } from './event-feed.ts';
import { bareEvent, isKnownKind, type LogEvent, toLogEvent } from './log-event.ts';

/** Positions kept to log each once; a node that meets more of them logs some again. */
const MOST_REPORTED = 10_000;

/**
 * Decodes the rows of the log. One that cannot be decoded becomes an event that nobody hears and is logged once, so that
 * reading resumes behind it. A kind of event that a newer version writes is passed over too.
 */
export class EventDecoder {
  readonly #log: Pick<Log, 'error' | 'warn'> | null;
  readonly #reported = new Set<number | string>();

  constructor(log: Pick<Log, 'error' | 'warn'> | null = null) {
    this.#log = log;
  }

  decode(row: FeedRow, epoch: string): LogEvent {
    try {
      return toLogEvent(row, epoch);
    } catch (error) {
      const isNew = this.#remember(isKnownKind(row.kind) ? row.position : row.kind);
      if (isNew) this.#report(row, error);
      return bareEvent(row, epoch);
    }
  }

  #report({ kind, position }: FeedRow, error: unknown): void {
    if (!isKnownKind(kind)) {
      const sentence = `events of the kind ${kind} (the first at position ${position}) are passed over: a newer version writes them`;
      this.#log?.warn({ event: 'unknown_event_kind', kind }, sentence);
      return;
    }
    this.#log?.error(
      { event: 'event_skipped', position, err: error },
      `the event at position ${position} cannot be decoded and is skipped: look at plantao.event_feed`,
    );
  }

  #remember(key: number | string): boolean {
    if (this.#reported.has(key)) return false;
    if (this.#reported.size >= MOST_REPORTED) this.#reported.clear();
    this.#reported.add(key);
    return true;
  }
}
