/**
 * A node's reading of the event log. The table is the truth; a NOTIFY is only a hint that there is something to read.
 * On a hint, on listening anew, and once a second in any case, the node reads "everything after my position" once and
 * hands it out: lost, doubled, late and merged notifications are all the same harmless thing, by this one path.
 *
 * Positions have no gap and become visible in commit order (migrations/0002_event_log.sql), so "after my position"
 * skips nothing. That the listener is deaf is found out here: the log moved, and a second later no hint had come.
 */
import type { StandingSession } from '../database/standing-session.ts';
import type { Log } from '../log.ts';
import { type Cursor, CursorExpiredError, continuedPosition, type Epoch, formatCursor } from './cursor.ts';
import { type FeedRow, type LogEvent, toLogEvent } from './log-event.ts';
import { Tail } from './tail.ts';

export interface EventLogOptions {
  session: StandingSession;
  log: Log;
  /** Gets every event once, in order, as one batch for each read. */
  onEvents(batch: readonly LogEvent[]): void;
  /** The log is another one than before (a restore): nobody who waits can be told what they missed. */
  onNewHistory(): void;
  /** The log moved and no hint came: the listener does not hear. */
  onDeaf(): void;
}

/** Events a read, and so the most that one answer can carry; a node that is far behind pages through. */
export const PAGE = 500;
const WATCH_EVERY_MS = 1000;
const LIMIT_MS = 5000;

interface Bounds {
  floor: number;
  head: number;
  epochs: Epoch[];
}

export class EventLog {
  readonly #options: EventLogOptions;
  #epochs: Epoch[] = [];
  #tail = new Tail(0);
  #head = 0;
  #reading: Promise<void> | null = null;
  #again = false;
  #isReading = false;
  #hinted = 0;
  /** A position that was read before any hint of it; past the next watch it means that the listener is deaf. */
  #unhinted: number | null = null;
  #timer: NodeJS.Timeout | undefined;
  #stopped = false;

  constructor(options: EventLogOptions) {
    this.#options = options;
  }

  /** Begins at the log's present head. @throws the database's error when it cannot be read. */
  async start(): Promise<void> {
    const bounds = await this.#bounds();
    this.#begin(bounds);
    this.#isReading = true;
    this.#watch();
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearTimeout(this.#timer);
    await this.#reading?.catch(() => {});
  }

  /** The newest position that this node has read. */
  get head(): number {
    return this.#head;
  }

  get tail(): Tail {
    return this.#tail;
  }

  get epoch(): string {
    return this.#epochs.at(-1)?.epoch ?? '';
  }

  /** The cursor of a position in the present epoch. */
  cursorAt(position: number): string {
    return formatCursor({ epoch: this.epoch, position });
  }

  /** A hint that the log has come to `position`; anything that is not a position asks for a read all the same. */
  hint(position: unknown): void {
    if (typeof position === 'number') {
      this.#hinted = Math.max(this.#hinted, position);
      if (this.#unhinted !== null && this.#hinted >= this.#unhinted) this.#unhinted = null;
      if (position <= this.#head) return;
    }
    void this.catchUp();
  }

  /** Reads everything after the head, once for all who ask meanwhile. Failures are left to the next hint or watch. */
  catchUp(): Promise<void> {
    this.#again = true;
    this.#reading ??= this.#readOn().finally(() => {
      this.#reading = null;
    });
    return this.#reading;
  }

  /**
   * The position from which `cursor` continues, once this node has read as far.
   * @throws {CursorExpiredError} where it cannot be continued without a gap; the database's error when it cannot be asked.
   */
  async continue(cursor: Cursor): Promise<number> {
    if (!this.#epochs.some((one) => one.epoch === cursor.epoch) || cursor.position > this.#head)
      await this.#lookAgain();
    const position = continuedPosition(cursor, this.#epochs);
    if (position > this.#head) throw new CursorExpiredError('ahead');
    return position;
  }

  /** Resolves when this node has read up to `position`. @throws the database's error; CursorExpiredError if there is no such position. */
  async reached(position: number): Promise<void> {
    if (position > this.#head) await this.#lookAgain();
    if (position > this.#head) throw new CursorExpiredError('ahead');
  }

  /** Looks for a new epoch, as after a promotion; a failure is left to the next one who needs to know. */
  async refresh(): Promise<void> {
    await this.#lookAgain().catch((error) => this.#options.log.debug({ err: error }, 'could not look at the log'));
  }

  /** True while the last reading succeeded. */
  get isReading(): boolean {
    return this.#isReading;
  }

  /** Makes an event of a row that was read elsewhere, as this log would. */
  toEvent(row: FeedRow): LogEvent {
    return toLogEvent(row, this.epoch);
  }

  #begin(bounds: Bounds): void {
    this.#epochs = bounds.epochs;
    this.#head = bounds.head;
    this.#tail = new Tail(bounds.head);
    this.#unhinted = null;
    this.#hinted = 0;
  }

  /** Looks at the bounds, then reads up to them; a log that is shorter or of another epoch than ours is begun anew. */
  async #lookAgain(): Promise<void> {
    const bounds = await this.#bounds();
    const isOurs = bounds.epochs.some((one) => one.epoch === this.epoch);
    const fork = bounds.epochs[bounds.epochs.findIndex((one) => one.epoch === this.epoch) + 1]?.after_position;
    const wentBack = bounds.head < this.#head || !isOurs || (fork !== undefined && fork < this.#head);
    if (wentBack) {
      this.#options.log.warn({ event: 'new_history' }, `the event log is another one now: it ends at ${bounds.head}`);
      this.#begin(bounds);
      this.#options.onNewHistory();
      return;
    }
    this.#epochs = bounds.epochs;
    if (bounds.head > this.#head) await this.#readPages();
  }

  async #bounds(): Promise<Bounds> {
    const [row] = await this.#options.session.query<{ floor: number; head: number; epochs: Epoch[] }>(
      {
        name: 'log_bounds',
        text: `SELECT floor, head,
                 (SELECT json_agg(json_build_object('epoch', epoch, 'after_position', after_position) ORDER BY number)
                  FROM plantao.epochs) AS epochs
               FROM plantao.log_bounds`,
      },
      LIMIT_MS,
    );
    if (!row) throw new Error('the event log has no bounds');
    return row;
  }

  async #readOn(): Promise<void> {
    try {
      while (this.#again && !this.#stopped) {
        this.#again = false;
        await this.#readPages();
        this.#isReading = true;
      }
    } catch (error) {
      this.#isReading = false;
      this.#options.log.debug({ err: error }, 'could not read the event log');
    }
  }

  async #readPages(): Promise<void> {
    for (let more = true; more && !this.#stopped; ) {
      const rows = await this.#options.session.query<FeedRow>(
        {
          name: 'log_page',
          text: 'SELECT * FROM plantao.event_feed WHERE position > $1 ORDER BY position LIMIT $2',
          values: [this.#head, PAGE],
        },
        LIMIT_MS,
      );
      more = rows.length === PAGE;
      // Two readings may overlap (a refresh beside a hint): what the other has handed out is not handed out again.
      const batch = rows.filter((row) => row.position > this.#head).map((row) => this.toEvent(row));
      if (batch.length > 0) this.#take(batch);
    }
  }

  #take(batch: LogEvent[]): void {
    for (const event of batch) {
      if (event.position !== this.#head + 1) {
        this.#options.log.error({ event: 'log_gap' }, `the event log jumps from ${this.#head} to ${event.position}`);
      }
      this.#tail.append(event);
      this.#head = event.position;
    }
    if (this.#hinted < this.#head) this.#unhinted ??= this.#head;
    this.#options.onEvents(batch);
  }

  #watch(): void {
    this.#timer = setTimeout(
      () => {
        if (this.#unhinted !== null) {
          this.#unhinted = null;
          this.#options.onDeaf();
        }
        void this.catchUp().finally(() => {
          if (!this.#stopped) this.#watch();
        });
      },
      WATCH_EVERY_MS * (0.9 + Math.random() * 0.2),
    );
  }
}
