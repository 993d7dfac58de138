/**
 * Reads the event log for this node. The table is the truth, and a NOTIFY is only a hint that there is something to read.
 * On a hint, on a new LISTEN, and every second in any case, the node reads "everything after my position" and delivers it.
 * So lost, duplicated, late and merged notifications are the same harmless case, handled by this one path.
 *
 * Positions have no gap and become visible in commit order (migrations/0002_event_log.sql), so "after my position"
 * skips nothing. Each read also returns the log's bounds in the same snapshot. If the log was replaced (a restored
 * database, a promoted replica that lagged), or retention passed this node while it was frozen, the node starts again at
 * the log's end and ends every wait with the last cursor that it reached. A client that polls again with that cursor continues
 * or is refused: it never skips a gap unnoticed.
 *
 * If the log is far ahead, as after a bulk INSERT, the node reads only the events that its waiters need (fast-forward.ts)
 * and keeps none of them in memory: a client with an earlier cursor continues from the database.
 *
 * The node also detects here that its listener misses notifications: the log advanced, and no hint arrived for long afterwards.
 *
 * The next step in the life of an event is chat/delivery/event-delivery.ts.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { BackgroundLoop } from '../async/background-loop.ts';
import { jittered } from '../async/backoff.ts';
import { SingleFlight } from '../async/single-flight.ts';
import { withTimeout } from '../async/with-timeout.ts';
import { SessionLostError } from '../database/session/database-session.ts';
import type { Cursor } from './cursor.ts';
import { DEFAULT_SIZES, type EventLogOptions } from './event-log-options.ts';
import { KnownLog } from './known-log.ts';
import type { LogEvent } from './log-event.ts';
import type { EventDecoder } from './reading/event-decoder.ts';
import { readSpan } from './reading/fast-forward.ts';
import { loadTail } from './reading/load-tail.ts';
import {
  type Bounds,
  cannotFollow,
  type LogPage,
  readBounds,
  readPage,
  reportFallBack,
  reportLostEvents,
} from './reading/log-page.ts';
import { MissedNotificationDetector } from './reading/missed-notification-detector.ts';
import { inParts } from './reading/page-parts.ts';
import { PageReader } from './reading/page-reader.ts';
import { ReaderHealth } from './reading/reader-health.ts';
import { MAX_EVENTS } from './reading/tail.ts';

/** How long the response to a stored post waits for the epoch of a new term. Reading it takes a few milliseconds. */
const EPOCH_LIMIT_MS = 500;

const POLL_INTERVAL_MS = 1000;

/** The event log as this node reads it; the head of this file explains how. */
export class EventLog {
  readonly #options: EventLogOptions;
  readonly #flight = new SingleFlight(() => this.#readToHead());
  readonly #pages: PageReader;
  readonly #spans: PageReader;
  readonly #ahead: number;
  readonly #decoder: EventDecoder;
  readonly #missed: MissedNotificationDetector;
  readonly #maxInMemory: number;
  #known = new KnownLog();
  readonly #readerHealth: ReaderHealth;
  #readAt = performance.now();
  #fastForward: Promise<void> | null = null;
  /** False from a promotion until the epoch has been read: a term may have begun a new one. */
  #isEpochCertain = false;
  readonly #polling = new BackgroundLoop({
    delayMs: () => jittered(POLL_INTERVAL_MS),
    round: () => {
      this.#missed.check();
      return this.hint();
    },
    onError: () => {},
  });

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#maxInMemory = options.maxInMemory ?? MAX_EVENTS;
    const { page, span, ahead } = options.sizes ?? DEFAULT_SIZES;
    this.#pages = new PageReader(options.session, readPage, page);
    this.#spans = new PageReader(options.session, (...request) => readSpan(...request, options.interest()), span);
    this.#ahead = ahead;
    this.#readerHealth = new ReaderHealth(options.log);
    this.#decoder = options.decoder;
    this.#missed = new MissedNotificationDetector(() => options.onMissedNotification());
  }

  /** Loads the newest events and starts to follow the log. @throws the database's error. */
  async start(): Promise<void> {
    this.#adopt(await this.#load(await readBounds(this.#options.session)));
    this.#readerHealth.succeeded();
    this.#polling.start();
  }

  async stop(): Promise<void> {
    const stopped = this.#polling.stop();
    await this.#flight.stop(new SessionLostError('the node is stopping'));
    await stopped;
  }

  /** The part of the log that this node has read; a new object once the log was replaced. */
  get known(): KnownLog {
    return this.#known;
  }

  /** Milliseconds since the end of the last read that succeeded. */
  get readAgeMs(): number {
    return performance.now() - this.#readAt;
  }

  /** True while the last read succeeded. */
  get isReading(): boolean {
    return this.problem === null;
  }

  /** Why the last read failed, as a sentence; null while reading succeeds. */
  get problem(): string | null {
    return this.#readerHealth.problem;
  }

  /** Reads soon, unless `position` was read already. A payload that is not a position is a hint too. Never rejects. */
  async hint(position?: unknown): Promise<void> {
    if (typeof position === 'number') {
      this.#missed.hinted(position);
      if (position <= this.#known.head) return;
    }
    // After a failure, the next hint or the timer retries.
    await this.read().catch(() => {});
  }

  /** Resolves after a read that begins after this call. All calls before it begins share it. @throws the database's error. */
  read(): Promise<void> {
    return this.#flight.run();
  }

  /**
   * Returns `use()`, called in a turn of the event loop in which no fast-forward is under way. Waiters are registered and
   * memberships cached only in here: during a fast-forward, the events that they need may not have been read.
   */
  async whenSettled<Result>(use: () => Result): Promise<Awaited<Result>> {
    for (let end = this.#fastForward; end; end = this.#fastForward) await end.catch(() => {});
    return await use();
  }

  /** Reads the epoch again, after a promotion. */
  async renewEpoch(): Promise<void> {
    this.#isEpochCertain = false;
    await this.hint();
  }

  /** Returns the cursor of a position that this node has just written, once the epoch of its term is known. */
  async cursorOf(position: number): Promise<string> {
    // Neither a failure nor a long read may delay the response. At worst the cursor has the previous epoch and is refused later.
    if (!this.#isEpochCertain) {
      const reading = this.read().catch(() => {});
      await withTimeout(EPOCH_LIMIT_MS, reading, () => {});
    }
    return this.#known.cursorAt(position);
  }

  async #readToHead(): Promise<void> {
    try {
      for (let more = true; more && !this.#polling.isStopping; ) {
        const page = await this.#pages.next(this.#known.head, this.#known.epoch);
        if (cannotFollow(page, this.#known.end)) await this.#startAgain();
        else {
          more = page.rows.length > 0 && page.end < page.head;
          await this.#applyPage(page, 'whole');
          if (page.head - this.#known.head > this.#ahead) await this.#runFastForward();
        }
      }
      this.#readerHealth.succeeded();
      this.#readAt = performance.now();
      this.#isEpochCertain = true;
      if (!this.#flight.isPending) this.#missed.capHints(this.#known.head);
    } catch (error) {
      this.#readerHealth.failed(error);
      throw error;
    }
  }

  async #runFastForward(): Promise<void> {
    this.#fastForward = this.#readSpans().finally(() => {
      this.#fastForward = null;
    });
    await this.#fastForward;
  }

  /** Reads only the events that subscribers want, until a page or less is left. Leaves a page that does not continue the known log to {@link #readToHead}. */
  async #readSpans(): Promise<void> {
    while (!this.#polling.isStopping) {
      const page = await this.#spans.next(this.#known.head, this.#known.epoch);
      if (cannotFollow(page, this.#known.end)) return;
      await this.#applyPage(page, 'part');
      if (page.head - this.#known.head <= this.#pages.size) return;
    }
  }

  /** Applies a page in parts, each in its own turn of the event loop. Ends after the current part if the log is stopped. */
  async #applyPage(page: LogPage, coverage: 'whole' | 'part'): Promise<void> {
    const known = this.#known;
    if (page.epochs) known.setEpochs(page.epochs);
    if (page.end === known.head) return;
    const events = page.rows.map((row) => this.#decoder.decode(row, known.epoch));
    const parts = inParts(events, this.#options.comparisons ?? (() => 0));
    for (const [index, part] of parts.entries()) {
      const isLast = index === parts.length - 1;
      this.#applyPart(part, coverage === 'part' ? (isLast ? page.end : (part.at(-1)?.position ?? page.end)) : null);
      const at = page.rows[0]?.at;
      if (index === 0 && at instanceof Date) this.#options.onDelivered?.(Date.now() - at.getTime());
      if (!isLast) await nextTurn();
      if (this.#polling.isStopping) return;
    }
  }

  /**
   * Appends events to the known log and delivers them, in one turn of the event loop. With `end`, the known log advances to that
   * position without them: events in between were not read.
   */
  #applyPart(events: readonly LogEvent[], end: number | null): void {
    const known = this.#known;
    if (end !== null) known.skipTo(end);
    else for (const event of events) this.#append(event);
    this.#missed.advanced(known.head);
    if (events.length > 0) this.#options.onEvents(events, known.endCursor);
  }

  #append(event: LogEvent): void {
    const { head } = this.#known;
    if (event.position !== head + 1) {
      this.#options.log.error({ event: 'log_gap' }, `the event log jumps from ${head} to ${event.position}`);
    }
    // In memory, the earlier events still have the deleted account's former name. Clients get them from the database, with the new name.
    if (event.endsAccount) this.#known.skipTo(event.position - 1);
    this.#known.append(event);
  }

  async #startAgain(): Promise<void> {
    const { session, log } = this.#options;
    const { head, epoch, end, endCursor: last } = this.#known;
    let bounds = await readBounds(session);
    if (bounds.head < head && bounds.epochs.at(-1)?.epoch === epoch) {
      await reportFallBack(session, epoch, head);
      bounds = await readBounds(session);
    }
    const loaded = await this.#load(bounds);
    // In one turn of the event loop, so that a waiter compares its cursor with the same log whose events will wake it.
    this.#adopt(loaded);
    this.#options.onNewHistory(last);
    log.warn(
      { event: 'new_history' },
      `the event log cannot be continued from ${last}: this node starts again at ${this.#known.head}, and every waiting client gets its last cursor`,
    );
    void this.#reportLostEvents(end);
  }

  /** Reports which events were lost. Nothing waits for the report, and a failure is ignored. */
  async #reportLostEvents(end: Cursor): Promise<void> {
    const fork = await reportLostEvents(this.#options.session, end).catch(() => null);
    if (fork === null) return;
    const sentence = `the event log fell back from position ${end.position} to ${fork}: the events in between are lost (plantao.epochs)`;
    this.#options.log.warn({ event: 'log_end_lost', from: end.position, to: fork }, sentence);
  }

  #load(bounds: Bounds): Promise<KnownLog> {
    return loadTail(this.#pages, this.#decoder, bounds, this.#maxInMemory);
  }

  #adopt(known: KnownLog): void {
    this.#known = known;
    this.#missed.reset();
  }
}
