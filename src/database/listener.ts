import type pg from 'pg';
import pgListen from 'pg-listen';
import type { Log } from '../log.ts';
import { Sockets } from './connection.ts';
import { messageOf } from './errors.ts';

/** What a {@link Listener} tells its owner. */
export interface ListenerEvents {
  /** A notification: a latency hint, and nothing more. Payloads that are not JSON arrive as text. */
  onNotification(channel: string, payload: unknown): void;
  /** LISTEN is in force again; whatever was sent before may have been missed. */
  onListening(): void;
}

/** Backoff between attempts to listen again: doubles from 50 ms to 2 s, with jitter so that nodes do not come in step. */
const retryDelay = (attempt: number) => Math.min(2000, 50 * 2 ** Math.min(attempt, 6)) * (0.5 + Math.random() / 2);

/**
 * One LISTEN session through pg-listen that never gives up. A notification is a hint that there is something to read;
 * whether the session still hears is for its owner to find out (the log moved and no hint came), who then calls
 * {@link replace}: a half-open socket and a lost registration both end there.
 */
export class Listener {
  readonly #config: pg.ClientConfig;
  readonly #channels: readonly string[];
  readonly #events: ListenerEvents;
  readonly #log: Log;
  #current: Subscription | null = null;
  #retry: NodeJS.Timeout | undefined;
  #attempt = 0;
  #stopped = false;

  constructor(config: pg.ClientConfig, channels: readonly string[], events: ListenerEvents, log: Log) {
    this.#config = config;
    this.#channels = channels;
    this.#events = events;
    this.#log = log;
  }

  /** True while LISTEN is believed to be in force. */
  get isListening(): boolean {
    return this.#current?.isListening === true;
  }

  /** Begins to listen; resolves when LISTEN is in force for the first time or the first attempt has failed. */
  async start(): Promise<void> {
    await this.#open();
  }

  /** Throws the session away, whatever its state, and opens another. */
  replace(reason: string): void {
    if (this.#stopped) return;
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
    const subscription = new Subscription(this.#config, this.#channels, this.#events);
    this.#current = subscription;
    subscription.onFailed = (reason) => {
      if (this.#stopped || this.#current !== subscription) return;
      subscription.close();
      this.#log.debug(`could not listen: ${reason}`);
      clearTimeout(this.#retry);
      this.#retry = setTimeout(() => void this.#open(), retryDelay(this.#attempt++));
    };
    await subscription.open();
    if (subscription.isListening) this.#attempt = 0;
  }
}

/** One pg-listen subscriber together with the sockets under it, so that it can be closed in any state. */
class Subscription {
  readonly #sockets = new Sockets();
  readonly #subscriber: ReturnType<typeof pgListen.default>;
  readonly #channels: readonly string[];
  readonly #events: ListenerEvents;
  #closed = false;
  isListening = false;
  onFailed: (reason: string) => void = () => {};

  constructor(config: pg.ClientConfig, channels: readonly string[], events: ListenerEvents) {
    this.#channels = channels;
    this.#events = events;
    this.#subscriber = pgListen.default(
      { ...config, stream: this.#sockets.open as never },
      {
        // Its own check looks once in 30 s and hears nothing of a half-open socket; the event log's watch is ours.
        paranoidChecking: false,
        retryLimit: Number.POSITIVE_INFINITY,
        retryTimeout: 0,
        // Thrown out of here, the error ends pg-listen's loop, which close() does not.
        retryInterval: (attempt) => {
          if (this.#closed) throw new Error('closed');
          return retryDelay(attempt);
        },
        parse: parseLeniently,
      },
    );
    this.#subscriber.events.on('notification', ({ channel, payload }) => {
      if (!this.#closed) events.onNotification(channel, payload);
    });
    this.#subscriber.events.on('reconnect', () => {
      this.isListening = false;
    });
    this.#subscriber.events.on('error', (error) => {
      this.isListening = false;
      if (!this.#closed) this.onFailed(messageOf(error));
    });
    // The first 'connected' comes before our LISTEN; the later ones after pg-listen's own.
    this.#subscriber.events.on('connected', () => {
      if (this.#closed) this.#sockets.destroy();
      else if (this.#subscriber.getSubscribedChannels().length > 0) this.#listening();
    });
  }

  async open(): Promise<void> {
    try {
      await this.#subscriber.connect();
      await Promise.all(this.#channels.map((channel) => this.#subscriber.listenTo(channel)));
      if (!this.#closed) this.#listening();
    } catch (error) {
      if (!this.#closed) this.onFailed(messageOf(error));
    }
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.isListening = false;
    this.#subscriber.close().catch(() => {});
    this.#sockets.destroy();
  }

  #listening(): void {
    this.isListening = true;
    this.#events.onListening();
  }
}

function parseLeniently(payload: string): unknown {
  try {
    return JSON.parse(payload);
  } catch {
    return payload;
  }
}
