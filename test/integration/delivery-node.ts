import type pg from 'pg';
import pino from 'pino';
import type { ReplayableAudience } from '../../src/chat/delivery/audiences.ts';
import { UserAudience } from '../../src/chat/delivery/audiences.ts';
import { CatchUpReader } from '../../src/chat/delivery/catch-up-reader.ts';
import { EventDelivery } from '../../src/chat/delivery/event-delivery.ts';
import { MembershipCache } from '../../src/chat/delivery/membership-cache.ts';
import { MembershipLoader } from '../../src/chat/delivery/membership-loader.ts';
import { type Subscriber, Subscriptions } from '../../src/chat/delivery/subscriptions.ts';
import { Listener, type ListenerEvents } from '../../src/database/listener.ts';
import { applicationName, connectionOptions } from '../../src/database/session/connection.ts';
import { ReconnectingSession } from '../../src/database/session/reconnecting-session.ts';
import { parseCursor } from '../../src/events/cursor.ts';
import { EventDecoder } from '../../src/events/event-decoder.ts';
import { EventLog } from '../../src/events/event-log.ts';
import type { ReadingSizes } from '../../src/events/event-log-options.ts';
import type { LogEvent } from '../../src/events/log-event.ts';
import { type Delivery, Waiters } from '../../src/events/waiters.ts';

/** What a {@link LogNode} is made with. */
export interface LogNodeOptions {
  /** Where it reads. */
  url: string;
  /** Where it listens; without, it hears nothing and reads when told, and once a second. */
  listenUrl?: string;
  /** Events that it keeps in memory. */
  mostInMemory?: number;
  /** How it reads; by default as nodes do. */
  sizes?: ReadingSizes;
  /** Every hint passes here on its way to the log. */
  onHint?(payload: unknown, give: (payload: unknown) => void): void;
}

/** A session that counts what it is asked, by the statement's name. */
class CountingSession extends ReconnectingSession {
  readonly asked = new Map<string, number>();
  /** Runs before each statement; what it waits for, the statement waits for. */
  before: ((name: string) => Promise<void>) | null = null;
  /** Runs between the answer of a statement and its taking in. */
  after: ((name: string) => Promise<void>) | null = null;

  override async query<Row extends pg.QueryResultRow>(query: pg.QueryConfig, limitMs: number): Promise<Row[]> {
    const name = query.name ?? '';
    this.asked.set(name, (this.asked.get(name) ?? 0) + 1);
    await this.before?.(name);
    const rows = await super.query<Row>(query, limitMs);
    await this.after?.(name);
    return rows;
  }
}

/** A poll without HTTP: told once, like those of http/long-poll.ts. */
export class DirectPoll implements Subscriber {
  readonly audience: ReplayableAudience;
  readonly delivered: Promise<Delivery>;
  #tell: (news: Delivery) => void = () => {};
  #taken: Delivery | null = null;
  readonly #waiters: Waiters;
  isOver = false;
  isDelivered = false;

  constructor(audience: ReplayableAudience, waiters: Waiters) {
    this.audience = audience;
    this.#waiters = waiters;
    this.delivered = new Promise((resolve) => {
      this.#tell = resolve;
    });
  }

  stage(news: Delivery): void {
    this.#taken ??= news;
    this.leave();
  }

  flush(): void {
    if (!this.#taken || this.isDelivered) return;
    this.isDelivered = true;
    this.#tell(this.#taken);
  }

  leave(): void {
    this.isOver = true;
    this.#waiters.remove(this);
  }
}

/** A node's reading of the log and the polls on it: everything between PostgreSQL and HTTP, and nothing of a cluster. */
export class LogNode {
  readonly log: EventLog;
  readonly waiters = new Waiters();
  readonly cache = new MembershipCache();
  readonly memberships: MembershipLoader;
  readonly subscriptions: Subscriptions;
  readonly reading: CountingSession;
  readonly catchingUp: CountingSession;
  /** Every event that was handed out, in that order. */
  readonly events: LogEvent[] = [];
  /** When, by performance.now(). */
  readonly at: number[] = [];
  /** What {@link EventLog} has said of its listener and of its history. */
  missedNotifications = 0;
  readonly dismissals: string[] = [];
  readonly #listener: Listener | null;
  readonly #listenerEvents: ListenerEvents;

  constructor(options: LogNodeOptions) {
    const config = (part: 'log' | 'backlog' | 'listen', url: string) =>
      connectionOptions(url, applicationName('log-node', part), 5000);
    const silent = pino({ level: 'silent' });
    this.reading = new CountingSession(config('log', options.url));
    this.catchingUp = new CountingSession(config('backlog', options.url));
    const decoder = new EventDecoder();
    const delivery = new EventDelivery(this.waiters, this.cache);
    this.log = new EventLog({
      decoder,
      session: this.reading,
      log: silent,
      ...(options.mostInMemory === undefined ? {} : { mostInMemory: options.mostInMemory }),
      ...(options.sizes ? { sizes: options.sizes } : {}),
      interest: () => delivery.interest(),
      onEvents: (batch, end) => {
        this.events.push(...batch);
        this.at.push(...batch.map(() => performance.now()));
        delivery.deliver(batch, end);
      },
      onNewHistory: (cursor) => {
        this.dismissals.push(cursor);
        delivery.abandon(cursor);
      },
      onMissedNotification: () => {
        this.missedNotifications++;
        this.#listener?.replace('deaf');
      },
    });
    this.memberships = new MembershipLoader(this.reading, this.log, this.cache);
    this.subscriptions = new Subscriptions(
      this.log,
      new CatchUpReader(this.catchingUp, decoder),
      this.waiters,
      this.cache,
    );
    const give = (payload: unknown) => this.log.hint(payload);
    const onHint = options.onHint ?? ((payload, hint) => hint(payload));
    this.#listenerEvents = {
      onListening: () => void this.log.hint(),
      onNotification: (_channel: string, payload: unknown) => onHint(payload, give),
    };
    this.#listener = options.listenUrl
      ? new Listener(config('listen', options.listenUrl), ['plantao_events'], silent)
      : null;
  }

  static async start(options: LogNodeOptions): Promise<LogNode> {
    const node = new LogNode(options);
    await node.log.start();
    await node.#listener?.start(node.#listenerEvents);
    return node;
  }

  get isListening(): boolean {
    return this.#listener?.isListening ?? false;
  }

  async stop(): Promise<void> {
    this.#listener?.stop();
    this.waiters.wakeAll('stopping', this.log.known.cursorAt(this.log.known.head));
    await this.log.stop();
    await Promise.all([this.reading.stop(), this.catchingUp.stop()]);
  }

  /** A poll for an audience from a cursor (text), or from here on. Resolves when it is answered or waits. */
  async poll(
    audience: ReplayableAudience,
    cursor: string | null,
  ): Promise<{ poll: DirectPoll; news: Delivery | null }> {
    const poll = new DirectPoll(audience, this.waiters);
    const from = cursor === null ? this.log.known.end : parseCursor(cursor);
    return { poll, news: await this.subscriptions.subscribe(poll, from) };
  }

  /** As {@link poll}, for all of a user's groups. */
  async pollUser(userId: number, cursor: string | null): Promise<{ poll: DirectPoll; news: Delivery | null }> {
    return this.poll(new UserAudience(await this.memberships.of(userId)), cursor);
  }
}
