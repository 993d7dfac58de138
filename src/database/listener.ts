import pgListen from 'pg-listen';
import { backoffDelay } from '../async/backoff.ts';
import { errorMessage } from '../error-message.ts';
import type { Log } from '../log/log.ts';
import { clientConfig, Sockets } from './session/connection.ts';
import type { PinnedConnectionOptions } from './session/pinned-connection.ts';

/** Options of a {@link Listener}. */
export interface ListenerOptions {
  connection: PinnedConnectionOptions;
  channels: readonly string[];
  log: Log;
  /** Called for a notification, which is only a latency hint. Payloads that are not JSON arrive as text. */
  onNotification(channel: string, payload: unknown): void;
  /** Called when LISTEN is in force again. Earlier notifications may have been missed. */
  onListening(): void;
}

/** Short, because polls wake late (by the timer of the event log) until LISTEN is in force again. */
const MAX_RETRY_MS = 250;

/**
 * One LISTEN session through pg-listen, reopened forever. The wrapper covers these faults of pg-listen:
 * - its reconnecting gives up for good after a limit, or hangs on a half-open socket: each subscriber serves one
 *   connection here, and a new one replaces it, with backoff;
 * - its own check (paranoidChecking) runs every 30 s and does not notice a half-open socket: the owner detects missed
 *   notifications (the log moved and none arrived) and calls {@link replace}, which also covers a lost registration;
 * - `close()` waits for a half-open socket: the sockets are destroyed here;
 * - a payload that is not JSON is an error: here it arrives as text.
 */
export class Listener {
  readonly #options: ListenerOptions;
  #current: Subscription | null = null;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #replacements = 0;
  #stopped = false;

  constructor(options: ListenerOptions) {
    this.#options = options;
  }

  /** True while LISTEN is in force, as far as this node knows. */
  get isListening(): boolean {
    return this.#current?.isListening === true;
  }

  /** How often the session was replaced because it missed notifications. */
  get replacements(): number {
    return this.#replacements;
  }

  /** Starts to listen. Resolves when LISTEN is in force for the first time or the first attempt has failed. */
  start(): Promise<void> {
    return this.#open();
  }

  /** Replaces the session. One that is still being opened has its own deadline and is kept. */
  replace(reason: string): void {
    if (!this.isListening) return;
    this.#replacements++;
    this.#options.log.warn({ event: 'listener_replaced' }, `reopening the LISTEN session: ${reason}`);
    this.#current?.close();
    void this.#open();
  }

  stop(): void {
    this.#stopped = true;
    clearTimeout(this.#retry);
    this.#current?.close();
    this.#current = null;
  }

  async #open(): Promise<void> {
    clearTimeout(this.#retry);
    const subscription = new Subscription(this.#options, (reason) => this.#failed(subscription, reason));
    this.#current = subscription;
    await subscription.open();
    if (subscription.isListening) this.#attempt = 0;
  }

  #failed(subscription: Subscription, reason: string): void {
    if (this.#stopped || this.#current !== subscription) return;
    this.#options.log.debug(`LISTEN failed: ${reason}`);
    clearTimeout(this.#retry);
    this.#retry = setTimeout(() => void this.#open(), backoffDelay(this.#attempt++, MAX_RETRY_MS));
  }
}

/** One pg-listen subscriber and its sockets, for one connection. It can be closed in any state. */
class Subscription {
  readonly #sockets = new Sockets();
  readonly #subscriber: ReturnType<typeof pgListen.default>;
  readonly #options: ListenerOptions;
  readonly #onFailed: (reason: string) => void;
  #isClosed = false;
  isListening = false;

  /** `onFailed` is called once, when the connection fails to open or is lost. */
  constructor(options: ListenerOptions, onFailed: (reason: string) => void) {
    this.#options = options;
    this.#onFailed = onFailed;
    this.#subscriber = pgListen.default(clientConfig(options.connection, this.#sockets), {
      paranoidChecking: false,
      parse: parseLeniently,
    });
    this.#subscriber.events.on('notification', ({ channel, payload }) => {
      if (!this.#isClosed) options.onNotification(channel, payload);
    });
    // Emitted before each reconnection of pg-listen. An error thrown here ends its retry loop and is emitted as 'error'.
    this.#subscriber.events.on('reconnect', () => {
      throw new Error('the connection was lost');
    });
    this.#subscriber.events.on('error', (error) => this.#fail(errorMessage(error)));
  }

  async open(): Promise<void> {
    try {
      await this.#subscriber.connect();
      for (const channel of this.#options.channels) await this.#subscriber.listenTo(channel);
    } catch (error) {
      return this.#fail(errorMessage(error));
    }
    if (this.#isClosed) return;
    this.isListening = true;
    this.#options.onListening();
  }

  close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    this.isListening = false;
    this.#subscriber.close().catch(() => {});
    this.#sockets.destroy();
  }

  #fail(reason: string): void {
    if (this.#isClosed) return;
    this.close();
    this.#onFailed(reason);
  }
}

function parseLeniently(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
