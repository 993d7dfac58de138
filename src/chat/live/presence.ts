import { type Clock, threadClock } from '../../async/clock.ts';
import { idPartsOf, type LiveSignal, MAX_ONLINE } from './signal.ts';

/** A user came online or went offline. */
export interface PresenceChange {
  userId: number;
  online: boolean;
}

/** How often a node sends its connected users to the others. */
export const TICK_MS = 2000;
/** A user is offline this long after the last poll or stream has ended: polls end and begin all the time. */
const GRACE_MS = 8000;
/** A node that was silent for this long is dead, and its users are offline. */
const NODE_MS = 3 * TICK_MS;
/** A part of this node's users that has not changed is sent again at this interval, for nodes that have missed it. */
const REFRESH_MS = 10_000;
/** Ticks after the start in which no changes are reported: the node is still learning which users are online. */
const QUIET_TICKS = 2;
const MAX_NODES = 64;

interface OtherNode {
  lastSignalAt: number;
  readonly users: Set<number>;
}

/**
 * The users who are connected to any node. Each node sends its own to the others repeatedly, and entries that are not renewed
 * expire.
 */
export class Presence {
  readonly #seenAt = new Map<number, number>();
  readonly #others = new Map<string, OtherNode>();
  readonly #sent = new Map<string, { text: string; at: number }>();
  readonly #clock: Clock;
  #known = new Set<number>();
  #ticks = 0;

  constructor(clock: Clock = threadClock) {
    this.#clock = clock;
  }

  /** Every user who is online, as of the last tick. */
  get users(): ReadonlySet<number> {
    return this.#known;
  }

  /** Records a signal of another node. */
  observe({ from, online }: LiveSignal): void {
    let node = this.#others.get(from);
    if (!node) {
      if (this.#others.size >= MAX_NODES) return;
      node = { lastSignalAt: 0, users: new Set() };
      this.#others.set(from, node);
      // A node that has just started has missed all signals so far.
      this.#sent.clear();
    }
    node.lastSignalAt = this.#clock();
    if (!online) return;
    const { of, part, ids } = online;
    const current = new Set(ids.slice(0, MAX_ONLINE));
    for (const id of node.users) if (id % of === part && !current.has(id)) node.users.delete(id);
    for (const id of current) if (node.users.size < MAX_ONLINE) node.users.add(id);
  }

  /** Returns the signals for the other nodes, and the changes since the last tick. `connected` are the users of this node. */
  tick(connected: Iterable<number>): { signals: Pick<LiveSignal, 'online'>[]; changes: PresenceChange[] } {
    const now = this.#clock();
    for (const userId of connected) {
      if (this.#seenAt.size < MAX_ONLINE || this.#seenAt.has(userId)) this.#seenAt.set(userId, now);
    }
    for (const [userId, at] of this.#seenAt) if (now - at > GRACE_MS) this.#seenAt.delete(userId);
    for (const [name, { lastSignalAt }] of this.#others) if (now - lastSignalAt > NODE_MS) this.#others.delete(name);
    const changes = this.#update();
    this.#ticks++;
    return { signals: this.#signals(now), changes: this.#ticks > QUIET_TICKS ? changes : [] };
  }

  #update(): PresenceChange[] {
    const known = new Set(this.#seenAt.keys());
    for (const { users } of this.#others.values()) for (const userId of users) known.add(userId);
    const changes: PresenceChange[] = [];
    for (const userId of known) if (!this.#known.has(userId)) changes.push({ userId, online: true });
    for (const userId of this.#known) if (!known.has(userId)) changes.push({ userId, online: false });
    this.#known = known;
    return changes;
  }

  /** Returns the parts that have changed or are due. If there are none, returns an empty signal as a sign of life; without users, nothing. */
  #signals(now: number): Pick<LiveSignal, 'online'>[] {
    if (this.#seenAt.size === 0 && this.#sent.size === 0) return [];
    const due: Pick<LiveSignal, 'online'>[] = [];
    const parts = idPartsOf(this.#seenAt.keys());
    const names = new Set(parts.map(({ of, part }) => `${part}/${of}`));
    for (const name of this.#sent.keys()) if (!names.has(name)) this.#sent.delete(name);
    for (const online of parts) {
      const name = `${online.part}/${online.of}`;
      const text = online.ids.join();
      const last = this.#sent.get(name);
      if (last?.text === text && now - last.at < REFRESH_MS) continue;
      this.#sent.set(name, { text, at: now });
      due.push({ online });
    }
    if (this.#seenAt.size === 0) this.#sent.clear();
    return due.length > 0 ? due : [{}];
  }
}
