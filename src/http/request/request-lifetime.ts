import type { ServerResponse } from 'node:http';
import { OnceSignal } from '../../async/once-signal.ts';

/** How long a client may take to read the response of a poll or stream, in milliseconds: the time that it waited does not count. */
export const SENDING_MS = 40_000;

const lifetimes = new WeakMap<object, RequestLifetime>();

/**
 * The lifetime of one request, from its arrival until its response has ended or its socket has closed.
 * Everything that belongs to a request (a slot, a waiter, a timer, a listener) is released in {@link onOver} only, because
 * Node never emits 'close' on a response that is queued behind another one of the same socket.
 */
export class RequestLifetime {
  /** By `performance.now()`. Deadlines count from here, including the time in queues. */
  readonly arrivedAt = performance.now();
  readonly #over = new OnceSignal();
  readonly #halfClose = new OnceSignal();
  #respondBy: number;

  /** The response is overdue after `timeoutMs`: {@link isOverdue}. */
  constructor(timeoutMs = Number.POSITIVE_INFINITY) {
    this.#respondBy = this.arrivedAt + timeoutMs;
  }

  get isOver(): boolean {
    return this.#over.hasHappened;
  }

  get isHalfClosed(): boolean {
    return this.#halfClose.hasHappened;
  }

  /** Milliseconds since the request arrived. */
  get ageMs(): number {
    return performance.now() - this.arrivedAt;
  }

  /** Calls `release` once, when the request is over; at once if it is already. */
  onOver(release: () => void): void {
    this.#over.add(release);
  }

  /** Calls `listener` when the client has sent its last byte (FIN): it may still read, or it may have vanished. */
  onHalfClose(listener: () => void): void {
    this.#halfClose.add(listener);
  }

  /** Removes the deadline. For polls and streams, which have their own until they respond: then {@link allow} sets one again. */
  removeDeadline(): void {
    this.#respondBy = Number.POSITIVE_INFINITY;
  }

  /** Moves the deadline to `timeoutMs` from now. */
  allow(timeoutMs: number): void {
    this.#respondBy = performance.now() + timeoutMs;
  }

  isOverdue(now: number): boolean {
    return now > this.#respondBy && !this.isOver;
  }

  /** Marks the request as over. Called by the connection. */
  end(): void {
    this.#over.fire();
  }

  /** Marks the client as half-closed. Called by the connection. */
  halfClose(): void {
    this.#halfClose.fire();
  }

  /** Returns the lifetime of the request of `response`. */
  static of(response: ServerResponse): RequestLifetime {
    const lifetime = lifetimes.get(response);
    if (!lifetime) throw new Error('this response belongs to no connection of the server');
    return lifetime;
  }

  /** Registers this lifetime for {@link of}. */
  attachTo(response: ServerResponse): void {
    lifetimes.set(response, this);
  }
}
