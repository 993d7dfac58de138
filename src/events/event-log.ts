/**
 * A node's reading of the event log. The table is the truth; a NOTIFY is only a hint that there is something to read.
 * On a hint, on listening anew, and once a second in any case, the node reads "everything after my position" once and
 * hands it out: lost, doubled, late and merged notifications are all the same harmless thing, by this one path.
 *
 * Positions have no gap and become visible in commit order (migrations/0002_event_log.sql), so "after my position"
 * skips nothing. Each reading also looks at the log's bounds in the same snapshot. Where the log is another one than
 * before (a restore, a promoted replica that lagged), or retention has passed this node by while it was frozen, the node
 * begins anew at the log's end and dismisses everybody who waits with the last cursor that was theirs: coming back with
 * it they are continued or refused, and never carried over a gap in silence.
 *
 * Where the log is far ahead, as after a bulk INSERT, the node reads only what somebody on it needs (fast-forward.ts), and
 * keeps none of that in memory: a cursor from before is continued from the database.
 *
 * That the listener is deaf is found out here: the log moved, and long after no hint of it had come (deafness.ts).
 */
import { isUnavailable } from '../database/errors.ts';
import { SessionLostError } from '../database/session/session.ts';
import { SingleFlight } from '../single-flight.ts';
import { type Cursor, CursorExpiredError, continuedPosition, type Epoch, formatCursor } from './cursor.ts';
import { EventDecoder } from './event-decoder.ts';
import { DEFAULT_SIZES, type EventLogOptions } from './event-log-options.ts';
import { readSpan } from './fast-forward.ts';
import { type LoadedTail, loadTail } from './load-tail.ts';
import type { LogEvent } from './log-event.ts';
import { type Bounds, isBroken, type LogPage, readBounds, readPage, reportFallBack } from './log-page.ts';
import { MissedNotificationDetector } from './missed-notification-detector.ts';
import { PageReader } from './page-reader.ts';
import { MOST_EVENTS, Tail } from './tail.ts';

const WATCH_EVERY_MS = 1000;

/** The event log as this node has read it; the head of this file says how. */
export class EventLog {
  readonly #options: EventLogOptions;
  readonly #flight: SingleFlight;
  readonly #pages: PageReader;
  readonly #spans: PageReader;
  readonly #ahead: number;
  readonly #decoder: EventDecoder;
  readonly #missed: MissedNotificationDetector;
  readonly #most: number;
  #epochs: Epoch[] = [];
  #tail = new Tail(0);
  #head = 0;
  #isReading = false;
  #fastForward: Promise<void> | null = null;
  /** False from a promotion until the epoch has been looked at: a term may have begun a new one. */
  #isEpochSure = false;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: EventLogOptions) {
    this.#options = options;
    this.#most = options.mostInMemory ?? MOST_EVENTS;
    const { page, span, ahead } = options.sizes ?? DEFAULT_SIZES;
    this.#pages = new PageReader(options.session, readPage, page);
    this.#spans = new PageReader(options.session, (...of) => readSpan(...of, options.interest()), span);
    this.#ahead = ahead;
    this.#decoder = new EventDecoder(options.log);
    this.#flight = new SingleFlight(() => this.#readOn());
    this.#missed = new MissedNotificationDetector(() => options.onMissedNotification());
  }

  /** Begins at the log's present head. @throws the database's error when it cannot be read. */
  async start(): Promise<void> {
    const { session } = this.#options;
    this.#adopt(await this.#readMemory(await readBounds(session)));
    this.#isReading = true;
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#flight.stop(new SessionLostError('the node is stopping'));
  }

  /** The newest position that this node has read. */
  get head(): number {
    return this.#head;
  }

  get decoder(): EventDecoder {
    return this.#decoder;
  }

  get tail(): Tail {
    return this.#tail;
  }

  get epoch(): string {
    return this.#epochs.at(-1)?.epoch ?? '';
  }

  /** True while the last reading succeeded. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /**
   * Settles at the end of the fast-forward under way; null if there is none. Meanwhile no waiter may be registered and no
   * membership be kept: what they need may not have been read. Check it in the same turn.
   */
  get fastForward(): Promise<void> | null {
    return this.#fastForward;
  }

  /** Where this node has come to. */
  get end(): Cursor {
    return { epoch: this.epoch, position: this.#head };
  }

  /** The cursor of a position in the present epoch. */
  cursorAt(position: number): string {
    return formatCursor({ epoch: this.epoch, position });
  }

  /** The cursor of a position that this node has just written: as {@link cursorAt}, once the epoch of its term is known. */
  async cursorOf(position: number): Promise<string> {
    // A failure is no reason to keep an answer back: a cursor under the last epoch is refused at the worst.
    if (!this.#isEpochSure) await this.look().catch(() => {});
    return this.cursorAt(position);
  }

  /** A hint that the log has come to `position`; anything that is not a position asks for a reading all the same. */
  hint(position: unknown): void {
    if (typeof position === 'number') this.#missed.hinted(position);
    if (typeof position !== 'number' || position > this.#head) void this.catchUp();
  }

  /** As {@link look}, but a failure is left to the next hint or watch. */
  async catchUp(): Promise<void> {
    await this.look().catch((error) => {
      const level = isUnavailable(error) ? 'debug' : 'error';
      this.#options.log[level]({ err: error }, 'could not read the event log');
    });
  }

  /** Resolves after a reading that began after this call; shared by all who call meanwhile. @throws the database's error. */
  look(): Promise<void> {
    return this.#flight.run();
  }

  /** Looks for a new epoch, as after a promotion. */
  async refresh(): Promise<void> {
    this.#isEpochSure = false;
    await this.catchUp();
  }

  /**
   * Reads on where `cursor` is of an epoch, or from beyond an end, that this node does not know yet; what then is still
   * unknown, {@link positionOf} refuses. @throws the database's error.
   */
  async settle(cursor: Cursor): Promise<void> {
    const known = this.#epochs.some((one) => one.epoch === cursor.epoch);
    if (!known || cursor.position > this.#head) await this.look();
  }

  /**
   * The position from which `cursor` continues, by what this node knows at this moment.
   * @throws {CursorExpiredError} where it cannot be continued without a gap.
   */
  positionOf(cursor: Cursor): number {
    const position = continuedPosition(cursor, this.#epochs);
    if (position > this.#head) throw new CursorExpiredError('ahead');
    return position;
  }

  async #readOn(): Promise<void> {
    try {
      for (let more = true; more && !this.#stopped; ) {
        const page = await this.#pages.next(this.#head, this.epoch);
        if (isBroken(page, this.end)) await this.#beginAnew();
        else {
          more = page.rows.length > 0 && page.end < page.head;
          this.#take(page, 'whole');
          if (page.head - this.#head > this.#ahead) await this.#runFastForward();
        }
      }
      this.#isReading = true;
      this.#isEpochSure = true;
      if (!this.#flight.isPending) this.#missed.capHints(this.#head);
    } catch (error) {
      this.#isReading = false;
      throw error;
    }
  }

  async #runFastForward(): Promise<void> {
    this.#fastForward = this.#skim().finally(() => {
      this.#fastForward = null;
    });
    await this.#fastForward;
  }

  /** Reads what is of interest here, until a page or less is left; a page that cannot be joined is left to {@link #readOn}. */
  async #skim(): Promise<void> {
    while (!this.#stopped) {
      const page = await this.#spans.next(this.#head, this.epoch);
      if (isBroken(page, this.end)) return;
      this.#take(page, 'part');
      if (page.head - this.#head <= this.#pages.size) return;
    }
  }

  async #beginAnew(): Promise<void> {
    const { session, log } = this.#options;
    const last = this.cursorAt(this.#head);
    let bounds = await readBounds(session);
    if (bounds.head < this.#head && bounds.epochs.at(-1)?.epoch === this.epoch) {
      await reportFallBack(session, this.epoch, this.#head);
      bounds = await readBounds(session);
    }
    const memory = await this.#readMemory(bounds);
    // In one turn: whoever registers has compared with the log that it will be told of.
    this.#adopt(memory);
    this.#options.onNewHistory(last);
    log.warn({ event: 'new_history' }, `the event log cannot be continued from ${last}: begun anew at ${this.#head}`);
  }

  #readMemory(bounds: Bounds): Promise<LoadedTail> {
    return loadTail(this.#pages, this.#decoder, bounds, this.#most);
  }

  #adopt({ epochs, tail, head }: LoadedTail): void {
    this.#epochs = epochs;
    this.#tail = tail;
    this.#head = head;
    this.#missed.reset();
  }

  /** Takes in a page and hands it out, in one turn. The tail holds everything after its start: a part begins it anew. */
  #take(page: LogPage, of: 'whole' | 'part'): void {
    this.#epochs = page.epochs ?? this.#epochs;
    if (page.end === this.#head) return;
    const batch = page.rows.map((row) => this.#decoder.decode(row, this.epoch));
    if (of === 'part') this.#tail.restart(page.end);
    else for (const event of batch) this.#append(event);
    this.#head = page.end;
    this.#missed.advanced(this.#head);
    if (batch.length > 0) this.#options.onEvents(batch);
  }

  #append(event: LogEvent): void {
    if (event.position !== this.#head + 1) {
      this.#options.log.error({ event: 'log_gap' }, `the event log jumps from ${this.#head} to ${event.position}`);
    }
    this.#tail.append(event);
    this.#head = event.position;
  }

  #watch(): void {
    this.#timer = setTimeout(
      () => {
        this.#missed.check();
        void this.catchUp().then(() => {
          if (!this.#stopped) this.#watch();
        });
      },
      WATCH_EVERY_MS * (0.9 + Math.random() * 0.2),
    );
  }
}
