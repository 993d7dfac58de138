import type { Response } from 'express';
import type { ReplayableAudience } from '../../chat/delivery/audiences.ts';
import type { Subscriber, Subscriptions } from '../../chat/delivery/subscriptions.ts';
import { formatCursor, parseCursor } from '../../events/cursor.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Delivery, Waiters } from '../../events/waiters.ts';
import type { RequestLifetime } from '../request/request-lifetime.ts';
import type { PollSlots } from './poll-slots.ts';

/** Wraps a renderer so that all waiters which are told the same news get the same bytes, made once. */
export function renderOnce(render: (news: Delivery) => string): (news: Delivery) => Buffer {
  const made = new WeakMap<Delivery, Buffer>();
  return (news) => {
    let body = made.get(news);
    if (!body) {
      body = Buffer.from(render(news));
      made.set(news, body);
    }
    return body;
  };
}

/** What polls and streams stand on. */
export interface WaitingOptions {
  eventLog: EventLog;
  waiters: Waiters;
  subscriptions: Subscriptions;
  pollSlots: PollSlots;
  /** False while the node is fallen: nobody may wait there. */
  isServing(): boolean;
}

/** What a poll asks for. */
export interface PollRequest {
  /** Finds out who it is that listens, and whether they may. */
  audience(): Promise<ReplayableAudience>;
  /** Whose it is, where users are known. */
  userId: number | null;
  cursor: string | undefined;
  timeoutS: number;
  /** Makes the answer. */
  render(news: Delivery): Buffer;
}

/** Of the time asked for, at most this share is taken off at random, so that polls which began together do not end together. */
const DEADLINE_JITTER = 0.1;

/** Long polls: one answer each, on news, on a change of the node's state, or at the deadline. */
export class LongPolls {
  readonly #options: WaitingOptions;
  #isDraining = false;

  constructor(options: WaitingOptions) {
    this.#options = options;
  }

  /** Answers everybody who waits, and every poll that comes after, at once with its cursor: the node is stopping. */
  drain(): void {
    this.#isDraining = true;
    const { waiters, eventLog } = this.#options;
    waiters.wakeAll('stopping', eventLog.known.cursorAt(eventLog.known.head));
  }

  /**
   * Runs one poll; resolves once it is answered or waits. Its deadline counts from its arrival: one that has read nothing
   * by then, because the database does not answer, gets 204 with the cursor that it began at. That promises nothing which
   * is not so: everything after that cursor is still to be asked for.
   * @throws as {@link Subscriptions.subscribe} and the audience do.
   */
  async run(response: Response, lifetime: RequestLifetime, ask: PollRequest): Promise<void> {
    const { eventLog, waiters, subscriptions, pollSlots, isServing } = this.#options;
    pollSlots.reserve(lifetime, ask.userId);
    lifetime.mayLast();
    const occasions = waiters.wakeUps;
    const from = ask.cursor === undefined ? eventLog.known.end : parseCursor(ask.cursor);
    const poll = new LongPoll(response, lifetime, waiters, ask.render);
    const endMs = deadlineMs(ask.timeoutS);
    const cursor = () => (poll.isWaiting ? eventLog.known.cursorAt(eventLog.known.head) : formatCursor(from));
    poll.until(Math.max(endMs, READ_MS), cursor);
    try {
      poll.audience = await ask.audience();
      const news = await subscriptions.subscribe(poll, from);
      if (news) return poll.answer(news);
    } catch (error) {
      if (poll.isOver) return;
      poll.leave();
      throw error;
    }
    if (poll.isOver) return;
    // The node's state changed while this poll was not among the waiters yet: it is told all the same.
    if (this.#isDraining || !isServing() || waiters.wakeUps !== occasions) {
      const occasion = this.#isDraining ? 'stopping' : 'role';
      poll.stage({
        reason: occasion,
        audience: poll.audience,
        events: [],
        cursor: eventLog.known.cursorAt(eventLog.known.head),
      });
      poll.flush();
      return;
    }
    if (endMs < READ_MS) poll.until(endMs, cursor);
  }
}

/** What a poll may take to read what it has missed, also one with a shorter time-out: `timeout=0` asks for what is there. */
const READ_MS = 1000;
/**
 * A client that has half-closed waits on or has vanished, and nothing tells which without a write: it is answered by then,
 * soon enough for the slot of one that has vanished, and a client that still reads comes again with its cursor.
 */
const HALF_CLOSED_MS = 2000;

function deadlineMs(timeoutS: number): number {
  return timeoutS * 1000 * (1 - DEADLINE_JITTER * Math.random());
}

/** Long waits end at a quarter of a second: Node keeps a list of timers for each length, and thousands would have their own. */
function remainingMs(ms: number, ageMs: number): number {
  const left = Math.max(0, ms - ageMs);
  return left < 5000 ? left : Math.floor(left / 250) * 250;
}

class LongPoll implements Subscriber {
  readonly #response: Response;
  readonly #lifetime: RequestLifetime;
  readonly #waiters: Waiters;
  readonly #render: (news: Delivery) => Buffer;
  #audience: ReplayableAudience | null = null;
  #deadline: NodeJS.Timeout | undefined;
  #endsAt = Number.POSITIVE_INFINITY;
  #cursor: () => string = () => '';
  #news: Delivery | null = null;
  #isOver = false;

  constructor(response: Response, lifetime: RequestLifetime, waiters: Waiters, render: (news: Delivery) => Buffer) {
    this.#response = response;
    this.#lifetime = lifetime;
    this.#waiters = waiters;
    this.#render = render;
    lifetime.onOver(() => this.leave());
    lifetime.onHalfClose(() => this.#hurry());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Known before it listens. */
  get audience(): ReplayableAudience {
    if (this.#audience === null) throw new Error('a poll listens before it is known to whom');
    return this.#audience;
  }

  set audience(audience: ReplayableAudience) {
    this.#audience = audience;
  }

  /** True while it is among the waiters: everything up to the head of the log has been matched with it. */
  get isWaiting(): boolean {
    return this.#audience !== null && this.#waiters.has(this);
  }

  /** Answers 204 with the cursor `ms` after the poll's arrival, where nothing has come until then. */
  until(ms: number, cursor: () => string): void {
    if (this.#isOver) return;
    this.#cursor = cursor;
    const left = remainingMs(ms, this.#lifetime.ageMs);
    this.#expireIn(this.#lifetime.isHalfClosed ? Math.min(left, HALF_CLOSED_MS) : left);
  }

  #hurry(): void {
    if (!this.#isOver && this.#endsAt - performance.now() > HALF_CLOSED_MS) this.#expireIn(HALF_CLOSED_MS);
  }

  #expireIn(ms: number): void {
    this.#endsAt = performance.now() + ms;
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => {
      if (this.isWaiting) this.#expire();
      // What it waits to read may have arrived, and be handed over in this very turn.
      else setImmediate(() => this.#expire());
    }, ms);
  }

  #expire(): void {
    if (this.#isOver) return;
    const cursor = this.#cursor();
    this.leave();
    if (this.#response.headersSent) return;
    this.#response.setHeader('Cursor', cursor);
    this.#response.writeHead(204).end();
  }

  /** From here on the deadline is off: the cursor of a 204 would pass the news over. */
  stage(news: Delivery): void {
    if (this.#isOver) return;
    this.#news = news;
    this.leave();
  }

  flush(): void {
    const news = this.#news;
    this.#news = null;
    if (news) this.answer(news);
  }

  answer(news: Delivery): void {
    this.leave();
    if (this.#lifetime.isOver || this.#response.headersSent) return;
    const body = this.#render(news);
    this.#response.writeHead(200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Length': body.length,
      // A node that stops closes its connections in order, after their answers, and not three seconds later by force.
      ...(news.reason === 'stopping' ? { Connection: 'close' } : {}),
    });
    this.#response.end(body);
  }

  leave(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
    if (this.#audience) this.#waiters.remove(this);
  }
}
