/**
 * Server-sent events: the log of the polls as a stream. A stream subscribes as a poll does and then stays among the waiters.
 * No more than one response is queued for it. When its socket accepts no more data, it leaves the waiters, and it continues
 * from its own cursor once the socket has drained, from memory or from the database. A client that reads nothing for half a
 * minute is disconnected, and continues from the last id that it received.
 */
import type { Response } from 'express';
import { jittered } from '../../async/backoff.ts';
import type { ReplayableAudience } from '../../chat/delivery/audiences.ts';
import type { Subscriber } from '../../chat/delivery/subscriptions.ts';
import { type Cursor, CursorExpiredError, formatCursor, parseCursor } from '../../events/cursor.ts';
import type { LogEvent } from '../../events/log-event.ts';
import { jsonFor } from '../../events/recipient-json.ts';
import type { Delivery } from '../../events/waiters.ts';
import type { Log } from '../../log/log.ts';
import { expiredCursor } from '../http-error.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';
import type { WaitingOptions } from './long-poll.ts';
import { renderOnce } from './render-once.ts';

/** The parts of the node that a stream uses. */
export interface SseStreamOptions extends WaitingOptions {
  log: Log;
}

/** The request of a stream, and where it starts. */
interface SseStreamRequest {
  response: Response;
  lifetime: RequestLifetime;
  audience: ReplayableAudience;
  /** The position after which its events begin. */
  from: Cursor;
  wantsEphemeral: boolean;
}

/** A quarter of the minute after which common proxies close a silent connection. */
const HEARTBEAT_MS = 15_000;
/**
 * Heartbeat interval after a client has half-closed its connection. The second write distinguishes a client that still reads from one
 * that has vanished, because it fails if a RST answered the first.
 */
const HALF_CLOSED_HEARTBEAT_MS = 500;
/** A socket that accepts no data for this long is closed: its client has vanished or is far too slow. */
const STALL_MS = 30_000;
/** Lifetime of a stream. Its client then reconnects, which spreads the load and authenticates it again. */
const LIFE_MS = 60 * 60_000;
/** Reconnection delay sent to clients. It is spread, so that a node's streams do not move to another node all at once. */
const RETRY_MS = 1000;

/** Renders the frames of one delivery once for all streams of an audience. */
const frames = renderOnce(({ events, audience, ephemeral = [] }) => {
  const userId = (audience as ReplayableAudience).memberships?.userId;
  const frame = (event: LogEvent) => {
    const json = jsonFor(event, userId);
    return json === null ? '' : `id: ${event.cursor}\nevent: ${event.kind}\ndata: ${json}\n\n`;
  };
  // Without an id: the client's position in the log stays where it is.
  return events.map(frame).join('') + ephemeral.map((json) => `event: ephemeral\ndata: ${json}\n\n`).join('');
});

/** One stream, from {@link begin} until it ends itself or its client disconnects. */
export class SseStream implements Subscriber {
  readonly wantsEphemeral: boolean;
  readonly audience: ReplayableAudience;
  readonly #response: Response;
  readonly #lifetime: RequestLifetime;
  readonly #options: SseStreamOptions;
  /** Everything up to here has been sent, or was not for this stream. */
  #cursor: Cursor;
  #staged: Delivery[] = [];
  #hasBegun = false;
  #mustReadOn = false;
  #isBlocked = false;
  #hasEnded = false;
  #heartbeatMs = HEARTBEAT_MS;
  #nextBeat: NodeJS.Timeout | undefined;
  #stall: NodeJS.Timeout | undefined;
  #life: NodeJS.Timeout | undefined;

  constructor({ response, lifetime, audience, from, wantsEphemeral }: SseStreamRequest, options: SseStreamOptions) {
    this.wantsEphemeral = wantsEphemeral;
    this.#response = response;
    this.#lifetime = lifetime;
    this.audience = audience;
    this.#cursor = from;
    this.#options = options;
    lifetime.onOver(() => this.#leave());
    lifetime.onHalfClose(() => this.#beatOften());
    // Emitted for a write after the connection broke; 'close' follows.
    response.on('error', () => this.#leave());
    response.on('drain', () => this.#unblock());
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Reads the first batch before anything is sent, so that a refusal can still have its own status. */
  async begin(): Promise<void> {
    const first = await this.#options.subscriptions.subscribe(this, this.#cursor);
    if (this.#hasEnded || this.#response.headersSent) return;
    this.#response.writeHead(200, {
      'Content-Type': 'text/event-stream; charset=utf-8',
      'Cache-Control': 'no-store, no-transform',
      // nginx would buffer the stream otherwise.
      'X-Accel-Buffering': 'no',
    });
    // An id alone is not an event, but a client that is disconnected before the first one knows where to continue.
    this.#response.write(`retry: ${jittered(RETRY_MS, 0.5)}\nid: ${formatCursor(this.#cursor)}\n\n`);
    this.#hasBegun = true;
    this.#lifetime.removeDeadline();
    this.#life = setTimeout(() => this.end('reconnect, so that the load spreads'), jittered(LIFE_MS));
    this.#beatLater();
    if (first) {
      this.#send(first);
      void this.#readOn();
    } else this.flush();
  }

  stage(delivery: Delivery): void {
    if (this.#hasEnded) return;
    this.#staged.push(delivery);
    const { eventLog, waiters } = this.#options;
    // The log was replaced, or there was more than fits one response: the rest must be read.
    this.#mustReadOn ||= delivery.reason === 'logReplaced' || delivery.cursor !== eventLog.known.endCursor;
    if (this.#mustReadOn) waiters.remove(this);
  }

  flush(): void {
    if (!this.#hasBegun) return;
    const staged = this.#staged;
    this.#staged = [];
    for (const delivery of staged) {
      if (this.#hasEnded || this.#isBlocked) break;
      if (delivery.reason === 'stopping') this.end('the node is stopping');
      else if (delivery.reason !== 'role') this.#send(delivery);
      else if (!this.#options.isServing()) this.end('this node has fallen');
    }
    if (this.#mustReadOn && !this.#isBlocked) void this.#readOn();
  }

  /** Ends the stream with a comment, if it has begun. Its client reconnects with the last id. */
  end(reason: string): void {
    if (this.#hasEnded || !this.#hasBegun) return;
    this.#leave();
    if (this.#lifetime.isOver) return;
    this.#response.end(`retry: ${jittered(RETRY_MS, 0.5)}\n: ${reason}\n\n`);
    // Data that the socket does not accept in time is dropped.
    this.#stall = setTimeout(() => this.#response.destroy(), STALL_MS);
    this.#lifetime.onOver(() => clearTimeout(this.#stall));
  }

  /** Reads from the cursor until the stream is among the waiters or its socket is full. */
  async #readOn(): Promise<void> {
    const { subscriptions, waiters, log } = this.#options;
    waiters.remove(this);
    this.#staged = [];
    this.#mustReadOn = false;
    try {
      while (!this.#hasEnded && !this.#isBlocked) {
        const delivery = await subscriptions.subscribe(this, this.#cursor);
        if (delivery === null) return this.flush();
        this.#send(delivery);
      }
    } catch (error) {
      if (error instanceof CursorExpiredError) return this.#expire(error);
      log.debug({ err: error }, 'a stream ends because the event log could not be read: its client reconnects');
      this.end('the event log cannot be read now: reconnect');
    }
  }

  #send(delivery: Delivery): void {
    if (this.#hasEnded) return;
    if (delivery.reason !== 'ephemeral') this.#cursor = parseCursor(delivery.cursor);
    const bytes = frames(delivery);
    if (bytes.length > 0) this.#write(bytes);
  }

  #write(bytes: Buffer | string): void {
    if (this.#hasEnded || this.#response.destroyed || this.#response.write(bytes)) return;
    this.#isBlocked = true;
    clearTimeout(this.#stall);
    this.#options.waiters.remove(this);
    this.#stall = setTimeout(() => this.#disconnect(), STALL_MS);
  }

  #unblock(): void {
    if (!this.#isBlocked || this.#hasEnded) return;
    this.#isBlocked = false;
    clearTimeout(this.#stall);
    void this.#readOn();
  }

  #disconnect(): void {
    const { log } = this.#options;
    log.info(
      { event: 'stream_cut', cursor: formatCursor(this.#cursor) },
      'a stream was closed because its client read nothing for too long: it can continue from its last id',
    );
    this.#response.destroy();
  }

  /** Sends the event `cursor_expired`: the status of a stream that has begun cannot become 410. */
  #expire(error: CursorExpiredError): void {
    this.#write(`event: cursor_expired\ndata: ${JSON.stringify(expiredCursor(error).body)}\n\n`);
    this.end('read GET /chats and GET /messages again');
  }

  /** Sends a comment, which keeps proxies from closing the connection, and an id, which moves an idle client along the log. */
  #beat(): void {
    this.flush();
    if (this.#hasEnded) return;
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
    if (!this.#hasBegun || this.#hasEnded) return;
    clearTimeout(this.#nextBeat);
    this.#beat();
  }

  #leave(): void {
    this.#hasEnded = true;
    this.#staged = [];
    for (const timer of [this.#nextBeat, this.#stall, this.#life]) clearTimeout(timer);
    this.#options.waiters.remove(this);
  }
}
