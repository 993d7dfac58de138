import type { Response } from 'express';
import type { ReplayableAudience } from '../../chat/delivery/audiences.ts';
import type { Subscriber, Subscriptions } from '../../chat/delivery/subscriptions.ts';
import type { EphemeralDelivery } from '../../chat/live/ephemeral-delivery.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Delivery, Waiters } from '../../events/waiters.ts';
import { type RequestLifetime, SENDING_MS } from '../request/request-lifetime.ts';
import type { PollSlots } from './poll-slots.ts';

/** The parts of the node that polls and streams use. */
export interface WaitingOptions {
  eventLog: EventLog;
  waiters: Waiters;
  subscriptions: Subscriptions;
  pollSlots: PollSlots;
  /** False while the node is fallen, when no poll may wait. */
  isServing(): boolean;
}

/** The parts of the node that polls use. */
export interface LongPollOptions extends WaitingOptions {
  /** The signals that a poll may have missed; null where there are none. */
  signals: Pick<EphemeralDelivery, 'cursor' | 'knows' | 'after'> | null;
}

/** The request of a poll. */
export interface PollRequest {
  /** Returns the audience, or throws if the client may not subscribe to it. */
  audience(): Promise<ReplayableAudience>;
  /** The authenticated user, or null. */
  userId: number | null;
  cursor: string | undefined;
  timeoutS: number;
  /**
   * Given if signals (typing, presence) end the poll too: the Ephemeral-Cursor of the poll before, after which signals are new. With
   * any other value, signals are new from now on.
   */
  ephemeral?: string | undefined;
  /** Returns the body of the response. */
  render(delivery: Delivery): Buffer;
}

/**
 * A client that has half-closed its connection still waits or has vanished, and only a write shows which. Its poll ends within this
 * time: soon enough to free the slot of one that has vanished. A client that still reads returns with its cursor.
 */
const HALF_CLOSED_MS = 2000;

/** The header with the cursor up to which the client has all signals. */
const EPHEMERAL_CURSOR_HEADER = 'Ephemeral-Cursor';

/** Returns the time left. Long waits are multiples of a quarter second, because Node keeps one list of timers per length. */
function remainingMs(ms: number, ageMs: number): number {
  const left = Math.max(0, ms - ageMs);
  return left < 5000 ? left : Math.floor(left / 250) * 250;
}

/** One poll: waits among the waiters, and responds once. */
export class LongPoll implements Subscriber {
  readonly wantsEphemeral: boolean;
  readonly #response: Response;
  readonly #lifetime: RequestLifetime;
  readonly #waiters: Waiters;
  readonly #signals: LongPollOptions['signals'];
  readonly #render: (delivery: Delivery) => Buffer;
  /** Its client has all signals up to here; null if it wants none. */
  #signalCursor: string | null = null;
  /** True once the signals since the signal cursor were read: from then on every signal for this poll ends it. */
  #hasReadSignals = false;
  #audience: ReplayableAudience | null = null;
  #deadline: NodeJS.Timeout | undefined;
  #endsAt = Number.POSITIVE_INFINITY;
  #cursor: () => string = () => '';
  #staged: Delivery | null = null;
  #hasEnded = false;

  constructor(
    response: Response,
    lifetime: RequestLifetime,
    waiters: Waiters,
    signals: LongPollOptions['signals'],
    { render, ephemeral }: Pick<PollRequest, 'render' | 'ephemeral'>,
  ) {
    this.wantsEphemeral = ephemeral !== undefined;
    this.#signals = signals;
    if (signals && ephemeral !== undefined)
      this.#signalCursor = signals.knows(ephemeral) ? ephemeral : signals.cursor();
    this.#response = response;
    this.#lifetime = lifetime;
    this.#waiters = waiters;
    this.#render = render;
    lifetime.onOver(() => this.leave());
    lifetime.onHalfClose(() => this.#endSoon());
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** The audience; set before the poll subscribes. */
  get audience(): ReplayableAudience {
    if (this.#audience === null) throw new Error('a poll subscribed before its audience was set');
    return this.#audience;
  }

  set audience(audience: ReplayableAudience) {
    this.#audience = audience;
  }

  /** True while it is among the waiters: everything up to the head of the log has been matched with it. */
  get isWaiting(): boolean {
    return this.#audience !== null && this.#waiters.has(this);
  }

  /** Returns the signals that have arrived since the client's last poll. Call it in the turn in which the poll was registered. */
  takeMissed(): Pick<Delivery, 'ephemeral'> | undefined {
    if (this.#signalCursor === null || !this.#signals) return undefined;
    const ephemeral = this.#signals.after(this.#signalCursor, this.audience);
    this.#hasReadSignals = true;
    return ephemeral && { ephemeral };
  }

  /** Moves the signal cursor: every signal up to now was delivered to this poll, or is not for it. */
  #moveSignalCursor(): void {
    if (this.#hasReadSignals && this.#signals) this.#signalCursor = this.#signals.cursor();
  }

  /** Ends the poll with 204 and the cursor `ms` after its arrival, unless it has ended before. */
  endAfter(ms: number, cursor: () => string): void {
    if (this.#hasEnded) return;
    this.#cursor = cursor;
    const left = remainingMs(ms, this.#lifetime.ageMs);
    this.#expireIn(this.#lifetime.isHalfClosed ? Math.min(left, HALF_CLOSED_MS) : left);
  }

  #endSoon(): void {
    if (!this.#hasEnded && this.#endsAt - performance.now() > HALF_CLOSED_MS) this.#expireIn(HALF_CLOSED_MS);
  }

  #expireIn(ms: number): void {
    this.#endsAt = performance.now() + ms;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      if (this.isWaiting) this.#expire();
      // The page that the poll reads may have arrived, and may be handed over in this very turn.
      else setImmediate(() => this.#expire());
    }, ms);
  }

  #expire(): void {
    if (this.#hasEnded) return;
    const cursor = this.#cursor();
    this.#moveSignalCursor();
    this.leave();
    if (this.#response.headersSent) return;
    this.#lifetime.allow(SENDING_MS);
    this.#response.setHeader('Cursor', cursor);
    if (this.#signalCursor !== null) this.#response.setHeader(EPHEMERAL_CURSOR_HEADER, this.#signalCursor);
    this.#response.setHeader('Cache-Control', 'no-store, no-transform');
    this.#response.writeHead(204).end();
  }

  /** Stages the delivery and removes the deadline: the cursor of a 204 would skip the staged delivery. */
  stage(delivery: Delivery): void {
    if (this.#hasEnded) return;
    this.#staged = delivery;
    this.#moveSignalCursor();
    this.leave();
  }

  flush(): void {
    const delivery = this.#staged;
    this.#staged = null;
    if (delivery) this.respond(delivery);
  }

  respond(delivery: Delivery): void {
    this.leave();
    if (this.#lifetime.isOver || this.#response.headersSent) return;
    const body = this.#render(delivery);
    this.#lifetime.allow(SENDING_MS);
    this.#response.writeHead(200, {
      'Content-Type': 'application/json; charset=utf-8',
      // Compression by a proxy would delay the response and save little.
      'Cache-Control': 'no-store, no-transform',
      Cursor: delivery.cursor,
      'Content-Length': body.length,
      ...(this.#signalCursor === null ? {} : { [EPHEMERAL_CURSOR_HEADER]: this.#signalCursor }),
      // A stopping node closes its connections gracefully, after their responses, and not by force three seconds later.
      ...(delivery.reason === 'stopping' ? { Connection: 'close' } : {}),
    });
    this.#response.end(body);
  }

  /** Ends the wait: the poll is no longer matched with events, and its deadline no longer counts. Sends nothing. */
  leave(): void {
    this.#hasEnded = true;
    clearTimeout(this.#deadline);
    if (this.#audience) this.#waiters.remove(this);
  }
}
