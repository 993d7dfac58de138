/**
 * Server-sent events: the same log as the polls', as a stream. A stream listens as a poll does and then stays among the
 * waiters. Nothing is queued for it beyond one answer's worth: when its socket takes no more it leaves the waiters, and
 * goes on from its own cursor once the socket is empty again, out of the node's memory or from the database. A reader
 * that empties nothing for half a minute is cut off; the last id that it got is where it goes on.
 */
import type { Response } from 'express';
import type { ReplayableAudience } from '../../chat/delivery/audiences.ts';
import type { Subscriber } from '../../chat/delivery/subscriptions.ts';
import { type Cursor, CursorExpiredError, formatCursor, parseCursor } from '../../events/cursor.ts';
import type { Delivery } from '../../events/waiters.ts';
import type { Log } from '../../log.ts';
import { expiredCursor } from '../http-error.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';
import { type PollRequest, renderOnce, type WaitingOptions } from './long-poll.ts';

/** Dependencies of a stream. */
export interface SseStreamOptions extends WaitingOptions {
  log: Log;
}

/** A quarter of the minute after which common proxies close a silent connection. */
const HEARTBEAT_MS = 15_000;
/**
 * To a client that has half-closed: one that only reads on is told from one that has vanished by the second write, which
 * fails where the first was answered by a RST.
 */
const HALF_CLOSED_HEARTBEAT_MS = 500;
/** A socket that accepts no data for this long is closed: its client has vanished or is far too slow. */
const STALL_MS = 30_000;
/** Lifetime of a stream. Its client then reconnects, which spreads the load and authenticates it again. */
const LIFE_MS = 60 * 60_000;
/** Reconnection delay sent to clients. It is spread, so that a node's streams do not move to another node all at once. */
const RETRY_MS = 1000;

const jittered = (ms: number, share: number) => Math.round(ms * (1 - share + 2 * share * Math.random()));

/** Renders the frames of one delivery once for all streams of an audience. */
const frames = renderOnce(({ events }) =>
  events
    .map(({ json, cursor, kind }) => (json === null ? '' : `id: ${cursor}\nevent: ${kind}\ndata: ${json}\n\n`))
    .join(''),
);

/** One stream. Its creator calls `begin`; it ends itself. */
class SseStream implements Subscriber {
  readonly audience: ReplayableAudience;
  readonly #response: Response;
  readonly #lifetime: RequestLifetime;
  readonly #options: SseStreamOptions;
  /** All up to here has been sent, or was not for this stream. */
  #cursor: Cursor;
  #taken: Delivery[] = [];
  #hasBegun = false;
  #mustGoOn = false;
  #isBlocked = false;
  #isOver = false;
  #heartbeatMs = HEARTBEAT_MS;
  #nextBeat: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;
  #life: NodeJS.Timeout | undefined;

  constructor(
    response: Response,
    lifetime: RequestLifetime,
    audience: ReplayableAudience,
    from: Cursor,
    options: SseStreamOptions,
  ) {
    this.#response = response;
    this.#lifetime = lifetime;
    this.audience = audience;
    this.#cursor = from;
    this.#options = options;
    lifetime.onOver(() => this.#leave());
    lifetime.onHalfClose(() => this.#beatOften());
    // A write into a response that is being torn down: its 'close' follows.
    response.on('error', () => this.#leave());
    response.on('drain', () => this.#unblock());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Reads the first batch before anything is sent, so that a refusal can still have its own status. */
  async begin(): Promise<void> {
    const first = await this.#options.subscriptions.subscribe(this, this.#cursor);
    if (this.#isOver || this.#response.headersSent) return;
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store',
      // nginx would collect the stream otherwise.
      'X-Accel-Buffering': 'no',
    });
    // The id alone makes no event, but a client that is cut off before the first one knows where to go on.
    this.#response.write(`retry: ${jittered(RETRY_MS, 0.5)}\nid: ${formatCursor(this.#cursor)}\n\n`);
    this.#hasBegun = true;
    this.#lifetime.mayLast();
    this.#life = setTimeout(() => this.end('come again, so that the load spreads'), jittered(LIFE_MS, 0.1));
    this.#beatLater();
    if (first) {
      this.#send(first);
      void this.#goOn();
    } else this.flush();
  }

  stage(news: Delivery): void {
    if (this.#isOver) return;
    this.#taken.push(news);
    const { eventLog, waiters } = this.#options;
    // Dismissed, or there was more than goes into one answer: what follows has to be asked for.
    this.#mustGoOn ||= news.reason === 'history' || news.cursor !== eventLog.known.cursorAt(eventLog.known.head);
    if (this.#mustGoOn) waiters.remove(this);
  }

  flush(): void {
    if (!this.#hasBegun) return;
    const taken = this.#taken;
    this.#taken = [];
    for (const news of taken) {
      if (this.#isOver || this.#isBlocked) break;
      if (news.reason === 'stopping') this.end('the node is stopping');
      else if (news.reason !== 'role') this.#send(news);
      else if (!this.#options.isServing()) this.end('this node has fallen');
    }
    if (this.#mustGoOn && !this.#isBlocked) void this.#goOn();
  }

  /** Ends the stream with a comment. Its client reconnects with the last id. */
  end(why: string): void {
    if (this.#isOver) return;
    const hasBegun = this.#hasBegun;
    this.#leave();
    if (!hasBegun || this.#lifetime.isOver) return;
    this.#response.end(`retry: ${jittered(RETRY_MS, 0.5)}\n: ${why}\n\n`);
    // Data that the socket does not accept in time is dropped.
    this.#stall = setTimeout(() => this.#response.destroy(), STALL_MS);
    this.#lifetime.onOver(() => clearTimeout(this.#stall));
  }

  /** Reads on from the cursor until the stream is among the waiters or its socket is full. */
  async #goOn(): Promise<void> {
    const { subscriptions, waiters, log } = this.#options;
    waiters.remove(this);
    this.#taken = [];
    this.#mustGoOn = false;
    try {
      while (!this.#isOver && !this.#isBlocked) {
        const news = await subscriptions.subscribe(this, this.#cursor);
        if (news === null) return this.flush();
        this.#send(news);
      }
    } catch (error) {
      if (error instanceof CursorExpiredError) return this.#expire(error);
      log.debug({ err: error }, 'a stream could not be read on');
      this.end('it cannot be read on now: come again');
    }
  }

  #send(news: Delivery): void {
    if (this.#isOver) return;
    this.#cursor = parseCursor(news.cursor);
    const bytes = frames(news);
    if (bytes.length > 0) this.#write(bytes);
  }

  #write(bytes: Buffer | string): void {
    if (this.#isOver || this.#response.destroyed || this.#response.write(bytes)) return;
    this.#isBlocked = true;
    clearTimeout(this.#stall);
    this.#options.waiters.remove(this);
    this.#stall = setTimeout(() => this.#cutOff(), STALL_MS);
  }

  #unblock(): void {
    if (!this.#isBlocked || this.#isOver) return;
    this.#isBlocked = false;
    clearTimeout(this.#stall);
    void this.#goOn();
  }

  #cutOff(): void {
    const { log } = this.#options;
    log.info({ event: 'stream_cut', cursor: formatCursor(this.#cursor) }, 'a stream was too slow and is cut off');
    this.#response.destroy();
  }

  /** The event by which a client knows, in the middle of a stream, what a 410 says at its beginning. */
  #expire(error: CursorExpiredError): void {
    this.#write(`event: cursor_expired\ndata: ${JSON.stringify(expiredCursor(error).body)}\n\n`);
    this.end('read GET /chats and GET /messages anew');
  }

  /** A comment keeps proxies awake; the id takes a client that has nothing to hear along with the log. */
  #beat(): void {
    this.flush();
    if (this.#isOver) return;
    if (this.#options.waiters.has(this)) {
      // Everything up to the head of the log has been matched with a stream that waits.
      this.#cursor = this.#options.eventLog.known.end;
      this.#write(`: beat\nid: ${formatCursor(this.#cursor)}\n\n`);
    }
    this.#beatLater();
  }

  #beatLater(): void {
    this.#nextBeat = setTimeout(() => this.#beat(), jittered(this.#heartbeatMs, 0.2));
  }

  #beatOften(): void {
    this.#heartbeatMs = HALF_CLOSED_HEARTBEAT_MS;
    if (!this.#hasBegun || this.#isOver) return;
    clearTimeout(this.#nextBeat);
    this.#beat();
  }

  #leave(): void {
    this.#isOver = true;
    this.#taken = [];
    for (const timer of [this.#nextBeat, this.#stall, this.#life]) clearTimeout(timer);
    this.#options.waiters.remove(this);
  }
}

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

  /**
   * Starts one stream and resolves once it has begun. A refusal is thrown before that, so that it has the status of any
   * other request: 410 for an expired cursor, 503 when too many clients wait.
   */
  async run(
    response: Response,
    lifetime: RequestLifetime,
    ask: Pick<PollRequest, 'audience' | 'userId' | 'cursor'>,
  ): Promise<void> {
    const { pollSlots, eventLog, isServing } = this.#options;
    pollSlots.reserve(lifetime, ask.userId);
    const from = ask.cursor === undefined ? eventLog.known.end : parseCursor(ask.cursor);
    const audience = await ask.audience();
    if (lifetime.isOver) return;
    const stream = new SseStream(response, lifetime, audience, from, this.#options);
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

  /** Ends every stream in slices, including those that are not among the waiters. */
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
