import { type IncomingMessage, type ServerResponse, STATUS_CODES } from 'node:http';
import type { Socket } from 'node:net';
import { limitChunks } from './request/body/chunk-limit.ts';
import { limitRefusedBody } from './request/body/refused-body.ts';
import { RequestLifetime } from './request/request-lifetime.ts';
import type { PendingConnection, TurnBudget } from './turn-budget.ts';

/**
 * Pipelined requests of one connection that are handled concurrently. Further ones wait, parsed but not started, because no
 * response can overtake another anyway. Browsers and proxies do not pipeline at all; load generators go up to 16.
 */
const MAX_CONCURRENT = 16;
/**
 * Pending requests of one connection; a client that sends more is disconnected. Node parses everything in one read of 64 KiB
 * before it emits them, up to about 2,000 requests of 3 KB each, so a lower limit would save no memory.
 */
const MAX_PENDING = 1000;
/**
 * A request that takes longer than this gets 503. Longer than the time that a client may take to send the body (30 s, checked
 * every 5 s) and every deadline inside a handler.
 */
const RESPONSE_TIMEOUT_MS = 40_000;

/** A request and its response. */
export interface Exchange {
  request: IncomingMessage;
  response: ServerResponse;
  lifetime: RequestLifetime;
}

/** Receives the requests of a {@link HttpConnection}, and changes of their number. */
export interface ConnectionEvents {
  /** Handles a request. Called in the order of the requests. */
  handle(exchange: Exchange): void;
  /** Called when a request arrives (1) and when requests are over (negative). */
  onCount(change: number): void;
}

/** The requests of one socket, in order. */
export class HttpConnection implements PendingConnection {
  readonly #socket: Socket;
  readonly #events: ConnectionEvents;
  readonly #turns: TurnBudget;
  readonly #atWork: Exchange[] = [];
  #waiting: Exchange[] = [];
  #isHalfClosed = false;
  #idleSince = performance.now();
  #afterLast: (() => void) | null = null;

  constructor(socket: Socket, events: ConnectionEvents, turns: TurnBudget) {
    this.#socket = socket;
    this.#events = events;
    this.#turns = turns;
    socket.once('end', () => this.#halfClose());
    socket.once('close', () => this.#close());
  }

  /** Returns the requests whose response is overdue at `now`. A finished response that waits for those before it is not overdue. */
  overdue(now: number): Exchange[] {
    const isInTurn = ({ response }: Exchange, at: number) => at === 0 || !response.writableEnded;
    return this.#atWork.filter((exchange, at) => isInTurn(exchange, at) && exchange.lifetime.isOverdue(now));
  }

  /** Handles a request as soon as those before it and the turn of the event loop permit. */
  admit(request: IncomingMessage, response: ServerResponse): void {
    // Node still parses what it had read before the socket was destroyed.
    if (this.#socket.destroyed) return;
    if (this.#atWork.length + this.#waiting.length === MAX_PENDING) return void this.#socket.destroy();
    const lifetime = new RequestLifetime(RESPONSE_TIMEOUT_MS);
    lifetime.attachTo(response);
    limitChunks(request);
    this.#events.onCount(1);
    this.#waiting.push({ request, response, lifetime });
    if (this.#mayBegin) this.#turns.begin(this);
  }

  /** The time for which it has had no request, in milliseconds; 0 while it has one. */
  get idleMs(): number {
    return this.#isIdle ? performance.now() - this.#idleSince : 0;
  }

  get #isIdle(): boolean {
    return this.#atWork.length === 0 && this.#waiting.length === 0;
  }

  get #mayBegin(): boolean {
    return this.#waiting.length > 0 && this.#atWork.length < MAX_CONCURRENT;
  }

  beginNext(): boolean {
    if (!this.#mayBegin) return false;
    const next = this.#waiting.shift();
    if (next) this.#begin(next);
    return this.#mayBegin;
  }

  /**
   * Responds to bytes that are not a request, after the responses before them, and closes the connection. If a request's
   * body was cut off, this becomes its response.
   */
  refuse(status: number, body: string): void {
    const headers = {
      Connection: 'close',
      'Cache-Control': 'no-store',
      'Content-Type': 'application/json; charset=utf-8',
      'Content-Length': String(Buffer.byteLength(body)),
    };
    const broken = [...this.#atWork, ...this.#waiting].find(({ request }) => !request.complete)?.response;
    if (broken) {
      if (broken.headersSent) broken.destroy();
      else broken.writeHead(status, headers).end(body);
      return;
    }
    const lines = Object.entries(headers).map(([name, value]) => `${name}: ${value}\r\n`);
    this.#afterLast ??= () => {
      if (!this.#socket.writable) return void this.#socket.destroy();
      const head = `HTTP/1.1 ${status} ${STATUS_CODES[status]}\r\n${lines.join('')}\r\n`;
      // Further bytes are not read: they cannot be a request either.
      this.#socket.end(head + body, () => this.#socket.destroy());
    };
    this.#runAfterLast();
  }

  /** Closes the connection once its requests have their responses and its client has read them; at once if it has none. */
  closeWhenDone(): void {
    this.#afterLast ??= () => this.#socket.destroySoon();
    this.#runAfterLast();
  }

  #runAfterLast(): void {
    if (!this.#isIdle) return;
    const work = this.#afterLast;
    this.#afterLast = null;
    work?.();
  }

  #begin(exchange: Exchange): void {
    this.#atWork.push(exchange);
    exchange.response.once('close', () => this.#over(exchange));
    limitRefusedBody(exchange.request, exchange.response);
    if (this.#isHalfClosed) exchange.lifetime.halfClose();
    if (!exchange.response.writableEnded) this.#events.handle(exchange);
  }

  #over(exchange: Exchange): void {
    const at = this.#atWork.indexOf(exchange);
    if (at < 0) return;
    this.#atWork.splice(at, 1);
    this.#events.onCount(-1);
    this.#idleSince = performance.now();
    exchange.lifetime.end();
    const first = this.#atWork[0];
    // Its response was ready, and the client can read it from now on.
    if (at === 0 && first?.response.writableEnded) first.lifetime.allow(RESPONSE_TIMEOUT_MS);
    if (this.#mayBegin) this.#turns.begin(this);
    this.#runAfterLast();
  }

  #halfClose(): void {
    this.#isHalfClosed = true;
    for (const { lifetime } of this.#atWork) lifetime.halfClose();
  }

  #close(): void {
    this.#events.onCount(-this.#waiting.length);
    this.#waiting = [];
    this.#afterLast = null;
    for (const exchange of [...this.#atWork]) {
      // Node does not mark queued responses as destroyed, and their handlers check that.
      exchange.response.destroy();
      this.#over(exchange);
    }
  }
}
