import type { Response } from 'express';
import { parseCursor } from '../../events/cursor.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';
import type { PollRequest } from './long-poll.ts';
import { SseStream, type SseStreamOptions } from './sse-stream.ts';

/** Number of streams ended before the event loop runs other work. */
const SLICE = 250;

/** The streams of a node. */
export class SseStreams {
  readonly #options: SseStreamOptions;
  readonly #open = new Set<SseStream>();
  #isDraining = false;

  constructor(options: SseStreamOptions) {
    this.#options = options;
  }

  /** The number of open streams. */
  get size(): number {
    return this.#open.size;
  }

  /**
   * Starts one stream and resolves once it has begun. Errors are thrown before that, so that they have the status of any other
   * request.
   * @throws {HttpError} of `PollSlots.reserve` (poll-slots.ts); the errors of `Subscriptions.subscribe` and of `audience`.
   */
  async run(
    response: Response,
    lifetime: RequestLifetime,
    request: Pick<PollRequest, 'audience' | 'userId' | 'cursor'> & { ephemeral: boolean },
  ): Promise<void> {
    const { pollSlots, eventLog, isServing } = this.#options;
    pollSlots.reserve(lifetime, request.userId);
    const from = request.cursor === undefined ? eventLog.known.end : parseCursor(request.cursor);
    const audience = await request.audience();
    if (lifetime.isOver) return;
    const wantsEphemeral = request.ephemeral;
    const stream = new SseStream({ response, lifetime, audience, from, wantsEphemeral }, this.#options);
    this.#open.add(stream);
    lifetime.onOver(() => this.#open.delete(stream));
    try {
      await stream.begin();
    } catch (error) {
      this.#open.delete(stream);
      throw error;
    }
    if (this.#isDraining) stream.end('the node is stopping');
    else if (!isServing()) stream.end('this node has fallen');
  }

  /** Ends every stream in slices, including those that are not among the waiters. {@link run} ends those that have yet to begin. */
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
