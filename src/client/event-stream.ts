import type { Answer } from './attempt.ts';
import { type BackoffBounds, backoff } from './backoff.ts';
import { isAfter } from './cursor.ts';
import { ChatError, CursorExpiredError } from './errors.ts';
import { pause } from './pause.ts';
import type { ChatEvent } from './types.ts';

/** How a stream is opened. */
export interface EventsOptions {
  /** Where to go on: the cursor of chats(), messages(), send() or of the last event that was dealt with. Default: now. */
  cursor?: string;
  /** Aborting ends the stream without an error. */
  signal?: AbortSignal;
  /** When the cursor is no longer kept (410): `throw` a CursorExpiredError (default), or `resync` by the hook and go on. */
  onGap?: 'throw' | 'resync';
  /**
   * Reads the state anew. May return the cursor to go on from; without one the stream goes on from a moment before the
   * call, so that events may repeat what was read but nothing is missing.
   */
  resync?: (gap: CursorExpiredError) => Promise<string | undefined> | string | undefined;
}

/** What a stream needs to know of the log that it reads. Both calls last until a node has answered. */
export interface EventSource {
  /** The cursor of this moment. */
  now(signal: AbortSignal): Promise<string>;
  /** One long poll: what comes after the cursor. */
  poll(cursor: string, signal: AbortSignal): Promise<Answer>;
}

/** An answer without news that came faster than this was not waited for. */
const EMPTY_HANDED_MS = 1000;
/** State changes and the first poll on a node answer at once and empty; more of them in a row mean a confused node. */
const EMPTY_HANDED_LIMIT = 3;

interface Page {
  events: readonly ChatEvent[];
  cursor: string | undefined;
  /** The cursor replaces the old one, wherever it lies. */
  anew: boolean;
}

function pageOf(answer: Answer): Page {
  const events = Array.isArray(answer.body?.events) ? (answer.body.events as ChatEvent[]) : [];
  // A browser shows the header only where the node exposes it to other origins. Without it the old cursor still serves.
  const cursor = answer.body?.cursor ?? answer.headers.get('Cursor');
  return { events, cursor: typeof cursor === 'string' ? cursor : undefined, anew: false };
}

/**
 * Events in the order of the log, each once, for as long as the consumer takes them. The cursor moves over an event only
 * when the consumer asks for the next one, so an event whose handling failed is still to come for the next stream.
 */
export class EventStream implements AsyncIterableIterator<ChatEvent> {
  readonly #source: EventSource;
  readonly #options: EventsOptions;
  readonly #pace: BackoffBounds;
  readonly #random: () => number;
  readonly #ending = new AbortController();
  readonly #events: AsyncGenerator<ChatEvent, undefined>;

  constructor(source: EventSource, options: EventsOptions, pace: BackoffBounds, random: () => number) {
    this.#source = source;
    this.#options = options;
    this.#pace = pace;
    this.#random = random;
    this.#events = this.#run();
  }

  next(): Promise<IteratorResult<ChatEvent, undefined>> {
    return this.#events.next();
  }

  /** Ends the stream: a poll that is under way is given up, and a pending next() is done. */
  return(): Promise<IteratorResult<ChatEvent, undefined>> {
    this.#ending.abort();
    return this.#events.return(undefined);
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async *#run(): AsyncGenerator<ChatEvent, undefined> {
    const { signal } = this.#options;
    const onAbort = () => this.#ending.abort();
    if (signal?.aborted) return undefined;
    signal?.addEventListener('abort', onAbort, { once: true });
    try {
      yield* this.#follow(this.#ending.signal);
    } catch (error) {
      if (!this.#ending.signal.aborted) throw error;
    } finally {
      signal?.removeEventListener('abort', onAbort);
      this.#ending.abort();
    }
    return undefined;
  }

  async *#follow(ending: AbortSignal): AsyncGenerator<ChatEvent, undefined> {
    let cursor = this.#options.cursor ?? (await this.#source.now(ending));
    let emptyHanded = 0;
    while (!ending.aborted) {
      const began = performance.now();
      const page = await this.#poll(cursor, ending);
      let news = false;
      for (const event of page.events) {
        if (!isAfter(event.cursor, cursor)) continue;
        news = true;
        yield event;
        if (ending.aborted) return undefined;
        cursor = event.cursor;
      }
      if (page.cursor !== undefined && (page.anew || isAfter(page.cursor, cursor))) cursor = page.cursor;
      emptyHanded = news || performance.now() - began >= EMPTY_HANDED_MS ? 0 : emptyHanded + 1;
      const tooMany = emptyHanded - EMPTY_HANDED_LIMIT;
      if (tooMany > 0) await pause(backoff(tooMany, this.#pace, this.#random), ending);
    }
    return undefined;
  }

  async #poll(cursor: string, ending: AbortSignal): Promise<Page> {
    try {
      return pageOf(await this.#source.poll(cursor, ending));
    } catch (error) {
      if (!(error instanceof ChatError) || error.status !== 410) throw error;
      const gap = new CursorExpiredError(cursor, error);
      if (this.#options.onGap !== 'resync') throw gap;
      // Before the hook reads: what happens in between is then seen twice rather than never.
      const now = await this.#source.now(ending);
      return { events: [], cursor: (await this.#options.resync?.(gap)) ?? now, anew: true };
    }
  }
}
