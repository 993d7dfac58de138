import type { Log } from '../../log/log.ts';
import type { FeedRow } from '../event-feed.ts';
import { bareEvent, isKnownKind, type LogEvent, toLogEvent } from '../log-event.ts';

/** Maximum number of positions to remember, so that each is logged once. Beyond that, some are logged again. */
const MAX_REPORTED = 10_000;

/**
 * Decodes the rows of the log. A row that cannot be decoded is logged once and becomes an event that is delivered to no one, so
 * that reading continues after it. The same applies to events of a kind that only a newer version knows.
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
      const sentence = `events of the kind ${kind} (the first at position ${position}) are not delivered: a newer version wrote them, so upgrade this node`;
      this.#log?.warn({ event: 'unknown_event_kind', kind }, sentence);
      return;
    }
    this.#log?.error(
      { event: 'event_skipped', position, err: error },
      `the event at position ${position} cannot be decoded and is skipped: check its row in plantao.event_feed`,
    );
  }

  #remember(key: number | string): boolean {
    if (this.#reported.has(key)) return false;
    if (this.#reported.size >= MAX_REPORTED) this.#reported.clear();
    this.#reported.add(key);
    return true;
  }
}
