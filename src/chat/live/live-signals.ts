import { jittered } from '../../async/backoff.ts';
import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import type { EventLog } from '../../events/event-log.ts';
import type { Waiters } from '../../events/waiters.ts';
import type { Log } from '../../log/log.ts';
import type { MembershipCache } from '../delivery/membership-cache.ts';
import type { MembershipLoader } from '../delivery/membership-loader.ts';
import { EphemeralDelivery } from './ephemeral-delivery.ts';
import { Presence, type PresenceChange, TICK_MS } from './presence.ts';
import type { LiveSignal } from './signal.ts';
import { Signals } from './signals.ts';
import { TYPING_MS, Typing } from './typing.ts';

/** Options of {@link LiveSignals}. */
export interface LiveOptions {
  session: Pick<ReconnectingSession, 'query' | 'ready'>;
  log: Log;
  eventLog: EventLog;
  waiters: Waiters;
  cache: MembershipCache;
  memberships: MembershipLoader;
}

/** Maximum number of changes of presence that one tick delivers. More are dropped: GET /presence returns the state. */
const MAX_CHANGES = 500;
/** Maximum number of groups of one user that are notified of a change. */
const MAX_GROUPS = 100;

/** Typing and presence across all nodes. Optional: a failure here loses signals, and nothing else waits for it. */
export class LiveSignals {
  readonly typing: Typing;
  readonly delivery: EphemeralDelivery;
  readonly #options: LiveOptions;
  readonly #signals: Signals;
  readonly #presence = new Presence();
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(options: LiveOptions) {
    this.#options = options;
    this.#signals = new Signals({ ...options, onSignal: (signal) => this.#observe(signal) });
    this.typing = new Typing(this.#signals);
    this.delivery = new EphemeralDelivery(options.waiters, options.eventLog);
  }

  /** The number of notifications that this node has sent. */
  get sent(): number {
    return this.#signals.sent;
  }

  /** Every user who is online, as this node knows it. */
  get online(): ReadonlySet<number> {
    return this.#presence.users;
  }

  /** Starts in the background: returns without waiting for the database. */
  start(): void {
    void this.#signals.start();
    this.#timer = setTimeout(() => this.#tick(), TICK_MS * Math.random());
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.typing.stop();
  }

  /** Handles a notification of the channel plantao_signals. */
  receive(payload: unknown): void {
    if (!this.#isStopped) this.#signals.receive(payload);
  }

  #observe(signal: LiveSignal): void {
    if (signal.from !== this.#signals.name) this.#presence.observe(signal);
    if (!signal.typing || !this.delivery.isWanted) return;
    this.delivery.deliver(
      signal.typing.map(([groupId, userId]) => ({
        userId,
        groupIds: [groupId],
        json: `{"kind":"typing","group_id":${groupId},"user_id":${userId},"ttl_ms":${TYPING_MS}}`,
      })),
    );
  }

  #tick(): void {
    this.#timer = setTimeout(() => this.#tick(), jittered(TICK_MS));
    const { signals, changes } = this.#presence.tick(this.#options.cache.usersInUse());
    if (signals.length > 0) this.#signals.send(signals);
    if (changes.length > 0 && this.delivery.isWanted) {
      this.#announce(changes.slice(0, MAX_CHANGES)).catch((error) => {
        this.#options.log.debug({ err: error }, 'changes of presence were not delivered');
      });
    }
  }

  async #announce(changes: readonly PresenceChange[]): Promise<void> {
    const found = await Promise.allSettled(changes.map(({ userId }) => this.#options.memberships.of(userId)));
    if (this.#isStopped) return;
    this.delivery.deliver(
      changes.flatMap(({ userId, online }, at) => {
        const one = found[at];
        if (one?.status !== 'fulfilled') return [];
        const groupIds = [...one.value.groups.keys()].slice(0, MAX_GROUPS);
        return [{ userId, groupIds, json: `{"kind":"presence","user_id":${userId},"online":${online}}` }];
      }),
    );
  }
}
