import pgListen from 'pg-listen';
import type { Log } from '../log.ts';
import { messageOf } from './errors.ts';
import { clientConfig, Sockets } from './session/connection.ts';
import type { ConnectionOptions } from './session/pinned-connection.ts';

/** What a {@link Listener} tells its owner. */
export interface ListenerEvents {
  /** A notification: a latency hint, and nothing more. Payloads that are not JSON arrive as text. */
  onNotification(channel: string, payload: unknown): void;
  /** LISTEN is in force again; whatever was sent before may have been missed. */
  onListening(): void;
}

/**
 * Backoff between attempts to listen again: doubles from 50 to 400 ms, with jitter so that nodes do not come in step. No
 * longer, since a poll is woken late (by the log's own watch) until the node hears again.
 */
const retryDelay = (attempt: number) => Math.min(400, 50 * 2 ** Math.min(attempt, 3)) * (0.5 + Math.random() / 2);

/**
 * One LISTEN session through pg-listen that never gives up. A notification is a hint that there is something to read;
 * whether the session still hears is for its owner to find out (the log moved and no hint came), who then calls
 * {@link replace}: a half-open socket and a lost registration both end there.
 */
export class Listener {
  readonly #options: ConnectionOptions;
  readonly #channels: readonly string[];
  readonly #log: Log;
  #events: ListenerEvents = { onNotification: () => {}, onListening: () => {} };
  #current: Subscription | null = null;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #stopped = false;

  constructor(options: ConnectionOptions, channels: readonly string[], log: Log) {
    this.#options = options;
    this.#channels = channels;
    this.#log = log;
  }

  /** True while LISTEN is believed to be in force. */
  get isListening(): boolean {
    return this.#current?.isListening === true;
  }

  /** Starts to listen. Resolves when LISTEN is in force for the first time or the first attempt has failed. */
  async start(events: ListenerEvents): Promise<void> {
    this.#events = events;
    await this.#open();
  }

  /** Throws the session away and opens another. One that is still being opened has its own deadline, and is left alone. */
  replace(reason: string): void {
    if (!this.isListening) return;
    this.#log.warn({ event: 'listener_replaced' }, `listening anew: ${reason}`);
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
    const subscription = new Subscription(this.#options, this.#channels, this.#events);
    this.#current = subscription;
    subscription.onFailed = (reason) => {
      if (this.#stopped || this.#current !== subscription) return;
      this.#log.debug(`does not listen: ${reason}`);
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => void this.#open(), retryDelay(this.#attempt++));
    };
    await subscription.open();
    if (subscription.isListening) this.#attempt = 0;
  }
}

/**
 * One pg-listen subscriber together with the sockets under it, so that it can be closed in any state. It is used for one
 * connection: pg-listen's own reconnecting gives up for good, or hangs on to a half-open socket, and is stopped here.
 */
class Subscription {
  readonly #sockets = new Sockets();
  readonly #subscriber: ReturnType<typeof pgListen.default>;
  readonly #channels: readonly string[];
  readonly #events: ListenerEvents;
  #isClosed = false;
  isListening = false;
  /** Called once, when it could not be opened or was lost. */
  onFailed: (reason: string) => void = () => {};

  constructor(options: ConnectionOptions, channels: readonly string[], events: ListenerEvents) {
    this.#channels = channels;
    this.#events = events;
    // pg-listen's own check looks once in 30 s and hears nothing of a half-open socket; the event log's watch is ours.
    this.#subscriber = pgListen.default(clientConfig(options, this.#sockets), {
      paranoidChecking: false,
      parse: parseLeniently,
    });
    this.#subscriber.events.on('notification', ({ channel, payload }) => {
      if (!this.#isClosed) events.onNotification(channel, payload);
    });
    // Emitted before each new connection of its own; thrown out of here, the error ends its loop and comes back as 'error'.
    this.#subscriber.events.on('reconnect', () => {
      throw new Error('the connection was lost');
    });
    this.#subscriber.events.on('error', (error) => this.#fail(messageOf(error)));
  }

  async open(): Promise<void> {
    try {
      await this.#subscriber.connect();
      for (const channel of this.#channels) await this.#subscriber.listenTo(channel);
    } catch (error) {
      return this.#fail(messageOf(error));
    }
    if (this.#isClosed) return;
    this.isListening = true;
    this.#events.onListening();
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
    this.onFailed(reason);
  }
}

function parseLeniently(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
