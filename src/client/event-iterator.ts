import { isAfter } from './cursor.ts';
import { ChatError, CursorExpiredError } from './errors.ts';
import { type DecodedEvent, decodeEphemeral, decodeEvent } from './event-kinds.ts';
import { type BackoffBounds, backoff } from './requests/backoff.ts';
import { onAbort } from './requests/on-abort.ts';
import type { ApiResponse } from './requests/single-request.ts';
import { sleep } from './requests/sleep.ts';
import type { ChatEvent, Ephemeral } from './types.ts';

/** Options of an event stream. */
export interface EventsOptions {
  /** The position to start from: the cursor of chats(), messages(), send() or of the last handled event. Default: now. */
  cursor?: string;
  /** Ends the stream without an error when aborted. */
  signal?: AbortSignal;
  /** Called for each signal: a user is typing, connects or disconnects. Without it, none is requested. Must not throw. */
  onEphemeral?: (signal: Ephemeral) => void;
  /** The reaction to an expired cursor (410): `throw` a CursorExpiredError (default), or call `resync` and continue. */
  onGap?: 'throw' | 'resync';
  /**
   * Reads the state again. It may return the cursor to continue from; otherwise the stream continues from a moment before
   * the call, so events may repeat what it read, but none is missing.
   */
  resync?: (gap: CursorExpiredError) => Promise<string | undefined> | string | undefined;
  /** Replaces the source of the events, for example by one that several tabs of a browser share. */
  through?: (source: PollSource) => PollSource;
}

/** The log that a stream reads. Both calls retry until a node responds. */
export interface PollSource {
  /** Returns the current cursor. */
  now(signal: AbortSignal): Promise<string>;
  /** Sends one long poll for the events after `cursor`. */
  poll(cursor: string, wantsEphemeral: boolean, signal: AbortSignal): Promise<ApiResponse>;
}

/** An empty response that arrived faster than this did not wait for events. */
const QUICK_MS = 1000;
/** A role change and the first poll on a node return at once without events; more in a row mean a faulty node. */
const QUICK_EMPTY_LIMIT = 3;

interface PollResult {
  events: readonly DecodedEvent[];
  ephemeral: readonly Ephemeral[];
  cursor: string | undefined;
  /** True if the cursor replaces the old one even when it lies before it. */
  isReset: boolean;
}

function toPollResult(response: ApiResponse): PollResult {
  const events = Array.isArray(response.body?.events) ? response.body.events : [];
  // A browser hides the header unless the node exposes it to this origin. Without it the old cursor remains valid.
  const cursor = response.body?.cursor ?? response.headers.get('Cursor');
  const decoded = events.flatMap((event) => decodeEvent(event) ?? []);
  const signals = Array.isArray(response.body?.ephemeral) ? response.body.ephemeral : [];
  const ephemeral = signals.flatMap((signal) => decodeEphemeral(signal) ?? []);
  return { events: decoded, ephemeral, cursor: typeof cursor === 'string' ? cursor : undefined, isReset: false };
}

/**
 * Iterates over events in log order, each once, and skips kinds that it does not know. The cursor moves past an event only when
 * the consumer requests the next one, so an event whose handling failed is delivered again by the next stream.
 */
export class EventIterator implements AsyncIterableIterator<ChatEvent> {
  readonly #source: PollSource;
  readonly #options: EventsOptions;
  readonly #backoff: BackoffBounds;
  readonly #random: () => number;
  readonly #ending = new AbortController();
  readonly #events: AsyncGenerator<ChatEvent, undefined>;

  constructor(source: PollSource, options: EventsOptions, backoffBounds: BackoffBounds, random: () => number) {
    this.#source = options.through?.(source) ?? source;
    this.#options = options;
    this.#backoff = backoffBounds;
    this.#random = random;
    this.#events = this.#run();
  }

  next(): Promise<IteratorResult<ChatEvent, undefined>> {
    return this.#events.next();
  }

  /** Ends the stream: cancels the poll under way and completes a pending next(). */
  return(): Promise<IteratorResult<ChatEvent, undefined>> {
    this.#ending.abort();
    return this.#events.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(): AsyncGenerator<ChatEvent, undefined> {
    const { signal } = this.#options;
    const end = () => this.#ending.abort();
    if (signal?.aborted) return undefined;
    const unlisten = onAbort(signal, end);
    try {
      yield* this.#follow(this.#ending.signal);
    } catch (error) {
      if (!this.#ending.signal.aborted) throw error;
    } finally {
      unlisten();
      this.#ending.abort();
    }
    return undefined;
  }

  async *#follow(ending: AbortSignal): AsyncGenerator<ChatEvent, undefined> {
    let cursor = this.#options.cursor ?? (await this.#source.now(ending));
    let quickEmptyPolls = 0;
    while (!ending.aborted) {
      const began = performance.now();
      const page = await this.#poll(cursor, ending);
      let hasNew = page.ephemeral.length > 0;
      for (const signal of page.ephemeral) this.#options.onEphemeral?.(signal);
      for (const event of page.events) {
        if (!isAfter(event.cursor, cursor)) continue;
        hasNew = true;
        if (event.kind !== 'unknown') yield event;
        if (ending.aborted) return undefined;
        cursor = event.cursor;
      }
      if (page.cursor !== undefined && (page.isReset || isAfter(page.cursor, cursor))) cursor = page.cursor;
      quickEmptyPolls = hasNew || performance.now() - began >= QUICK_MS ? 0 : quickEmptyPolls + 1;
      const excess = quickEmptyPolls - QUICK_EMPTY_LIMIT;
      if (excess > 0) await sleep(backoff(excess, this.#backoff, this.#random), ending);
    }
    return undefined;
  }

  async #poll(cursor: string, ending: AbortSignal): Promise<PollResult> {
    try {
      return toPollResult(await this.#source.poll(cursor, this.#options.onEphemeral !== undefined, ending));
    } catch (error) {
      if (!(error instanceof ChatError) || error.status !== 410) throw error;
      const gap = new CursorExpiredError(cursor, error);
      if (this.#options.onGap !== 'resync') throw gap;
      // Read before the hook runs: an event in between is then delivered twice rather than never.
      const now = await this.#source.now(ending);
      return { events: [], ephemeral: [], cursor: (await this.#options.resync?.(gap)) ?? now, isReset: true };
    }
  }
}
