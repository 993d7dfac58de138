import type pg from 'pg';
import pino from 'pino';
import type { ReplayableAudience } from '../../../src/chat/delivery/audiences.ts';
import { UserAudience } from '../../../src/chat/delivery/audiences.ts';
import { CatchUpReader } from '../../../src/chat/delivery/catch-up-reader.ts';
import { EventDelivery } from '../../../src/chat/delivery/event-delivery.ts';
import { MembershipCache } from '../../../src/chat/delivery/membership-cache.ts';
import { MembershipLoader } from '../../../src/chat/delivery/membership-loader.ts';
import { type Subscriber, Subscriptions } from '../../../src/chat/delivery/subscriptions.ts';
import { Listener } from '../../../src/database/listener.ts';
import { applicationName, connectionOptions } from '../../../src/database/session/connection.ts';
import { ReconnectingSession } from '../../../src/database/session/reconnecting-session.ts';
import { parseCursor } from '../../../src/events/cursor.ts';
import { EventLog } from '../../../src/events/event-log.ts';
import type { ReadingSizes } from '../../../src/events/event-log-options.ts';
import type { LogEvent } from '../../../src/events/log-event.ts';
import { EventDecoder } from '../../../src/events/reading/event-decoder.ts';
import { type Delivery, Waiters } from '../../../src/events/waiters.ts';

/** Options of a {@link LogNode}. */
export interface LogNodeOptions {
  /** The database that it reads. */
  url: string;
  /** The database that it listens to. Without it, the node reads on request and once a second. */
  listenUrl?: string;
  /** Events that it keeps in memory. */
  maxInMemory?: number;
  /** Page sizes; by default those of a node. */
  sizes?: ReadingSizes;
  /** As `EventLogOptions.comparisons` (event-log-options.ts); by default that of a node. */
  comparisons?(event: LogEvent): number;
  /** Every hint passes here on its way to the log. */
  onHint?(payload: unknown, give: (payload: unknown) => void): void;
}

/** A session that counts its statements by name. */
class CountingSession extends ReconnectingSession {
  readonly asked = new Map<string, number>();
  /** Runs before each statement, which waits for it. */
  before: ((name: string) => Promise<void>) | null = null;
  /** Runs after the result of a statement has arrived, and before it is returned. */
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

/** A poll without HTTP: it gets one delivery, like those of http/delivery/long-poll.ts. */
export class DirectPoll implements Subscriber {
  readonly audience: ReplayableAudience;
  readonly delivered: Promise<Delivery>;
  #resolve: (delivery: Delivery) => void = () => {};
  #staged: Delivery | null = null;
  readonly #waiters: Waiters;
  hasEnded = false;
  isDelivered = false;

  constructor(audience: ReplayableAudience, waiters: Waiters) {
    this.audience = audience;
    this.#waiters = waiters;
    this.delivered = new Promise((resolve) => {
      this.#resolve = resolve;
    });
  }

  stage(delivery: Delivery): void {
    this.#staged ??= delivery;
    this.leave();
  }

  flush(): void {
    if (!this.#staged || this.isDelivered) return;
    this.isDelivered = true;
    this.#resolve(this.#staged);
  }

  leave(): void {
    this.hasEnded = true;
    this.#waiters.remove(this);
  }
}

/** The log and the polls of a node: everything between PostgreSQL and HTTP, without a cluster. */
export class LogNode {
  readonly log: EventLog;
  readonly waiters = new Waiters();
  readonly cache = new MembershipCache();
  readonly memberships: MembershipLoader;
  readonly subscriptions: Subscriptions;
  readonly logSession: CountingSession;
  readonly catchUpSession: CountingSession;
  /** Every event that the log handed out, in order. */
  readonly events: LogEvent[] = [];
  /** The times of {@link events}, by performance.now(). */
  readonly at: number[] = [];
  /** The calls by {@link EventLog} about its listener and its history. */
  missedNotifications = 0;
  readonly dismissals: string[] = [];
  readonly #listener: Listener | null;

  constructor(options: LogNodeOptions) {
    const config = (part: 'log' | 'catchup' | 'listen', url: string) =>
      connectionOptions(url, applicationName('log-node', part), 5000);
    const silent = pino({ level: 'silent' });
    this.logSession = new CountingSession(config('log', options.url));
    this.catchUpSession = new CountingSession(config('catchup', options.url));
    const decoder = new EventDecoder();
    const delivery = new EventDelivery(this.waiters, this.cache);
    this.log = new EventLog({
      decoder,
      session: this.logSession,
      log: silent,
      ...(options.maxInMemory === undefined ? {} : { maxInMemory: options.maxInMemory }),
      ...(options.sizes ? { sizes: options.sizes } : {}),
      interest: () => delivery.interest(),
      comparisons: options.comparisons ?? ((event) => this.waiters.comparisons(event)),
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
        this.#listener?.replace('missed notifications');
      },
    });
    this.memberships = new MembershipLoader(this.logSession, this.log, this.cache);
    this.subscriptions = new Subscriptions(
      this.log,
      new CatchUpReader(this.catchUpSession, decoder),
      this.waiters,
      this.cache,
    );
    const give = (payload: unknown) => this.log.hint(payload);
    const onHint = options.onHint ?? ((payload, hint) => hint(payload));
    this.#listener = options.listenUrl
      ? new Listener({
          connection: config('listen', options.listenUrl),
          channels: ['plantao_events'],
          log: silent,
          onListening: () => void this.log.hint(),
          onNotification: (_channel, payload) => onHint(payload, give),
        })
      : null;
  }

  static async start(options: LogNodeOptions): Promise<LogNode> {
    const node = new LogNode(options);
    await node.log.start();
    await node.#listener?.start();
    return node;
  }

  get isListening(): boolean {
    return this.#listener?.isListening ?? false;
  }

  async stop(): Promise<void> {
    this.#listener?.stop();
    this.waiters.wakeAll('stopping', this.log.known.cursorAt(this.log.known.head));
    await this.log.stop();
    await Promise.all([this.logSession.stop(), this.catchUpSession.stop()]);
  }

  /** Polls for an audience from a cursor, or from the end of the log. Resolves with the delivery, or when the poll waits. */
  async poll(
    audience: ReplayableAudience,
    cursor: string | null,
  ): Promise<{ poll: DirectPoll; delivery: Delivery | null }> {
    const poll = new DirectPoll(audience, this.waiters);
    const from = cursor === null ? this.log.known.end : parseCursor(cursor);
    return { poll, delivery: await this.subscriptions.subscribe(poll, from) };
  }

  /** As {@link poll}, for all of a user's groups. */
  async pollUser(userId: number, cursor: string | null): Promise<{ poll: DirectPoll; delivery: Delivery | null }> {
    return this.poll(new UserAudience(await this.memberships.of(userId)), cursor);
  }
}
