import type { ServerResponse } from 'node:http';
import { OnceSignal } from '../../once-signal.ts';

const lifetimes = new WeakMap<object, RequestLifetime>();

/**
 * One request, from its arrival until it is over: its response has ended, its socket has closed, or its deadline has passed.
 * Whatever belongs to a request (a slot, a waiter, a timer, a listener) is released in {@link onOver} and nowhere else:
 * Node never emits 'close' on a response that is queued behind another one of the same socket.
 */
export class RequestLifetime {
  /** By `performance.now()`: deadlines count from here, wherever the request has waited since. */
  readonly arrivedAt = performance.now();
  readonly #over = new OnceSignal();
  readonly #halfClose = new OnceSignal();
  #answerBy: number;

  /** `answerWithinMs`: from then on its response is overdue, see {@link isOverdue}. */
  constructor(answerWithinMs = Number.POSITIVE_INFINITY) {
    this.#answerBy = this.arrivedAt + answerWithinMs;
  }

  get isOver(): boolean {
    return this.#over.hasHappened;
  }

  get isHalfClosed(): boolean {
    return this.#halfClose.hasHappened;
  }

  /** Since its arrival, in milliseconds. */
  get ageMs(): number {
    return performance.now() - this.arrivedAt;
  }

  /** Calls `release` once, when the request is over; at once where it is already. */
  onOver(release: () => void): void {
    this.#over.add(release);
  }

  /** Calls `listener` when the client has sent its last byte (FIN): it may still read, or it may have vanished. */
  onHalfClose(listener: () => void): void {
    this.#halfClose.add(listener);
  }

  /** For polls and streams, which have a deadline of their own. */
  mayLast(): void {
    this.#answerBy = Number.POSITIVE_INFINITY;
  }

  isOverdue(now: number): boolean {
    return now > this.#answerBy && !this.isOver;
  }

  /** For the connection: the request is over. */
  end(): void {
    this.#over.fire();
  }

  /** For the connection: the client has half-closed. */
  halfClose(): void {
    this.#halfClose.fire();
  }

  /** The lifetime of the request that `response` answers. */
  static of(response: ServerResponse): RequestLifetime {
    const lifetime = lifetimes.get(response);
    if (!lifetime) throw new Error('this response came through no connection of the server');
    return lifetime;
  }

  /** Makes {@link of} find this lifetime. */
  belongsTo(response: ServerResponse): void {
    lifetimes.set(response, this);
  }
}
