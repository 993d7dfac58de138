import type { Response } from 'express';
import type { ReplayableAudience } from '../chat/audiences.ts';
import type { Subscriptions } from '../chat/subscriptions.ts';
import type { EventLog } from '../events/event-log.ts';
import type { News, Waiter, Waiters } from '../events/waiters.ts';
import { HttpError } from './errors.ts';

/** Makes the JSON text of a poll's answer. */
export type Render = (news: News) => string;

/** Wraps a renderer so that all waiters which are told the same news get the same bytes, made once. */
export function renderOnce(render: Render): (news: News) => Buffer {
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

/** Of the time asked for, at most this share is taken off at random, so that polls which began together do not end together. */
const DEADLINE_JITTER = 0.1;

/** Long polls: one answer each, on news, on a change of the node's state, or at the deadline. */
export class LongPolls {
  readonly #log: EventLog;
  readonly #waiters: Waiters;
  readonly #subscriptions: Subscriptions;
  readonly #most: number;
  #isDraining = false;

  constructor(log: EventLog, waiters: Waiters, subscriptions: Subscriptions, most: number) {
    this.#log = log;
    this.#waiters = waiters;
    this.#subscriptions = subscriptions;
    this.#most = most;
  }

  /** @throws {HttpError} 503 overloaded where as many wait as may. */
  checkRoom(): void {
    if (this.#waiters.size < this.#most) return;
    throw new HttpError(503, 'overloaded', 'as many polls wait on this node as it can hold: try another, or later', {
      headers: { 'Retry-After': '2' },
    });
  }

  /** Answers everybody who waits, and every poll that comes after, at once with its cursor: the node is stopping. */
  drain(): void {
    this.#isDraining = true;
    this.#waiters.tellAll(this.#log.head);
  }

  /** Runs one poll to its answer; resolves once it is answered or waits. */
  async run(
    response: Response,
    audience: ReplayableAudience,
    ask: { cursor: string | undefined; timeoutS: number },
    render: (news: News) => Buffer,
  ): Promise<void> {
    this.checkRoom();
    const from = await this.#subscriptions.position(ask.cursor ?? null);
    const poll = new LongPoll(response, audience, this.#waiters, render);
    const news = await this.#subscriptions.listen(poll, from);
    if (news) return poll.answer(news);
    if (this.#isDraining) return poll.tell({ audience, events: [], position: this.#log.head });
    const jitter = 1 - DEADLINE_JITTER * Math.random();
    poll.until(ask.timeoutS * 1000 * jitter, () => this.#log.cursorAt(this.#log.head));
  }
}

class LongPoll implements Waiter {
  readonly audience: ReplayableAudience;
  readonly #response: Response;
  readonly #waiters: Waiters;
  readonly #render: (news: News) => Buffer;
  #deadline: NodeJS.Timeout | undefined;
  #isDone = false;

  constructor(response: Response, audience: ReplayableAudience, waiters: Waiters, render: (news: News) => Buffer) {
    this.#response = response;
    this.audience = audience;
    this.#waiters = waiters;
    this.#render = render;
    response.on('close', this.#leave);
  }

  /** Answers 204 with the cursor after `ms`. */
  until(ms: number, cursor: () => string): void {
    // The client may have left while the backlog was read, before this poll was among the waiters.
    if (this.#isDone) {
      this.#waiters.remove(this);
      return;
    }
    this.#deadline = setTimeout(() => {
      if (this.#isDone) return;
      this.#leave();
      this.#response.setHeader('Cursor', cursor());
      this.#response.writeHead(204).end();
    }, ms);
  }

  tell(news: News): void {
    if (this.#isDone) return;
    this.#leave();
    this.answer(news);
  }

  answer(news: News): void {
    if (this.#response.destroyed || this.#response.headersSent) return;
    const body = this.#render(news);
    this.#response.writeHead(200, {
      'Content-Type': 'application/json; charset=utf-8',
      'Cache-Control': 'no-store',
      'Content-Length': body.length,
    });
    this.#response.end(body);
  }

  readonly #leave = (): void => {
    this.#isDone = true;
    clearTimeout(this.#deadline);
    this.#waiters.remove(this);
  };
}
