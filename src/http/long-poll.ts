import type { Response } from 'express';
import type { ReplayableAudience } from '../chat/audiences.ts';
import type { Listening, Subscriptions } from '../chat/subscriptions.ts';
import { parseCursor } from '../events/cursor.ts';
import type { EventLog } from '../events/event-log.ts';
import type { News, Waiters } from '../events/waiters.ts';
import type { WaitingRoom } from './waiting-room.ts';

/** Wraps a renderer so that all waiters which are told the same news get the same bytes, made once. */
export function renderOnce(render: (news: News) => string): (news: News) => Buffer {
  const made = new WeakMap<News, Buffer>();
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
  room: WaitingRoom;
  /** False while the node is fallen: nobody may wait there. */
  isServing(): boolean;
}

/** What a poll asks for. */
export interface Ask {
  /** Finds out who it is that listens, and whether they may. */
  audience(): Promise<ReplayableAudience>;
  /** Whose it is, where users are known. */
  userId: number | null;
  cursor: string | undefined;
  timeoutS: number;
  /** Makes the answer. */
  render(news: News): Buffer;
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
    waiters.tellAll('stopping', eventLog.cursorAt(eventLog.head));
  }

  /** Runs one poll; resolves once it is answered or waits. @throws as {@link Subscriptions.listen} and the audience do. */
  async run(response: Response, ask: Ask): Promise<void> {
    const { eventLog, waiters, subscriptions, room, isServing } = this.#options;
    room.enter(response, ask.userId);
    const occasions = waiters.occasions;
    const from = ask.cursor === undefined ? eventLog.end : parseCursor(ask.cursor);
    const audience = await ask.audience();
    const poll = new LongPoll(response, audience, waiters, ask.render);
    const news = await subscriptions.listen(poll, from);
    if (news) return poll.answer(news);
    // The node's state changed while this poll was not among the waiters yet: it is told all the same.
    if (this.#isDraining || !isServing() || waiters.occasions !== occasions) {
      const occasion = this.#isDraining ? 'stopping' : 'role';
      poll.take({ occasion, audience, events: [], cursor: eventLog.cursorAt(eventLog.head) });
      poll.tell();
      return;
    }
    poll.until(deadlineMs(ask.timeoutS), () => eventLog.cursorAt(eventLog.head));
  }
}

/** Long waits end at a quarter of a second: Node keeps a list of timers for each length, and thousands would have their own. */
function deadlineMs(timeoutS: number): number {
  const ms = timeoutS * 1000 * (1 - DEADLINE_JITTER * Math.random());
  return ms < 5000 ? ms : Math.floor(ms / 250) * 250;
}

class LongPoll implements Listening {
  readonly audience: ReplayableAudience;
  readonly #response: Response;
  readonly #waiters: Waiters;
  readonly #render: (news: News) => Buffer;
  #deadline: NodeJS.Timeout | undefined;
  #news: News | null = null;
  #isOver: boolean;

  constructor(response: Response, audience: ReplayableAudience, waiters: Waiters, render: (news: News) => Buffer) {
    this.#response = response;
    this.audience = audience;
    this.#waiters = waiters;
    this.#render = render;
    this.#isOver = response.destroyed;
    // Not `once`, whose wrapper every waiter would hold: leaving twice is harmless.
    response.on('close', () => this.#leave());
  }

  get isOver(): boolean {
    return this.#isOver;
  }

  /** Answers 204 with the cursor after `ms`, where nothing has come until then. */
  until(ms: number, cursor: () => string): void {
    if (this.#isOver) return;
    this.#deadline = setTimeout(() => {
      this.#leave();
      if (this.#response.headersSent) return;
      this.#response.setHeader('Cursor', cursor());
      this.#response.writeHead(204).end();
    }, ms);
  }

  /** From here on the deadline is off: the cursor of a 204 would pass the news over. */
  take(news: News): void {
    if (this.#isOver) return;
    this.#news = news;
    this.#leave();
  }

  tell(): void {
    const news = this.#news;
    this.#news = null;
    if (news) this.answer(news);
  }

  answer(news: News): void {
    this.#leave();
    if (this.#response.destroyed || this.#response.headersSent) return;
    const body = this.#render(news);
    this.#response.writeHead(200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Length': body.length,
      // A node that stops closes its connections in order, after their answers, and not three seconds later by force.
      ...(news.occasion === 'stopping' ? { Connection: 'close' } : {}),
    });
    this.#response.end(body);
  }

  #leave(): void {
    this.#isOver = true;
    clearTimeout(this.#deadline);
    this.#waiters.remove(this);
  }
}
