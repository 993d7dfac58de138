import type { Response } from 'express';
import { parseCursor } from '../../events/cursor.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';
import { EventStream, type EventStreamOptions } from './event-stream.ts';
import type { Ask } from './long-poll.ts';

/** Streams ended before the event loop gets its turn. */
const SLICE = 250;

/** The streams of a node. */
export class EventStreams {
  readonly #options: EventStreamOptions;
  readonly #open = new Set<EventStream>();
  #isDraining = false;

  constructor(options: EventStreamOptions) {
    this.#options = options;
  }

  /**
   * Runs one stream; resolves once it has begun. Whatever refuses it is thrown before that, so that it is answered as any
   * other request: 410 for an expired cursor, 503 where too many wait.
   */
  async run(
    response: Response,
    lifetime: RequestLifetime,
    ask: Pick<Ask, 'audience' | 'userId' | 'cursor'>,
  ): Promise<void> {
    const { room, eventLog, isServing } = this.#options;
    room.enter(lifetime, ask.userId);
    const from = ask.cursor === undefined ? eventLog.end : parseCursor(ask.cursor);
    const audience = await ask.audience();
    if (lifetime.isOver) return;
    const stream = new EventStream(response, lifetime, audience, from, this.#options);
    this.#open.add(stream);
    lifetime.onOver(() => this.#open.delete(stream));
    try {
      await stream.begin();
    } catch (error) {
      this.#open.delete(stream);
      throw error;
    }
    if (this.#isDraining || !isServing()) stream.end('the node is stopping');
  }

  /** Ends every stream, those too that are not among the waiters at the moment; a slice at a time. */
  drain(): void {
    this.#isDraining = true;
    const streams = [...this.#open];
    const endSlice = () => {
      for (const stream of streams.splice(0, SLICE)) stream.end('the node is stopping');
      if (streams.length > 0) setImmediate(endSlice);
    };
    endSlice();
  }
}
