import type { LogEvent } from '../../events/log-event.ts';

/** The name of a group. One object serves all users of the group, so that a rename reaches all of them. */
interface GroupName {
  name: string;
}

/** The groups of one user, by id with their names, as of the node's position in the log. */
export interface Memberships {
  readonly userId: number;
  readonly groups: Map<number, GroupName>;
  /** Number of audiences in use that refer to these memberships. While there are any, the cache keeps them. */
  holders: number;
}

/** Returns the names of the groups that a user is in. */
export const groupNames = (memberships: Memberships): string[] =>
  Array.from(memberships.groups.values(), ({ name }) => name);

/** Minimum number of memberships that are kept. */
const MIN_KEPT = 50_000;

/**
 * The memberships of the users that wait on this node. They are loaded once (membership-loader.ts) and then kept up to date
 * by the events of the log (event-delivery.ts).
 */
export class MembershipCache {
  readonly #maxKept: number;
  /** In the order of their last use. */
  readonly #byUser = new Map<number, Memberships>();
  readonly #names = new Map<number, GroupName>();

  /**
   * `maxWaiters` limits the users in use. The cache keeps twice as many, so that there is always something to evict.
   */
  constructor(maxWaiters = 0) {
    this.#maxKept = Math.max(MIN_KEPT, 2 * maxWaiters);
  }

  /** Returns the live memberships of a user, which change with the log, or undefined if they are not loaded. */
  get(userId: number): Memberships | undefined {
    const memberships = this.#byUser.get(userId);
    if (memberships) {
      this.#byUser.delete(userId);
      this.#byUser.set(userId, memberships);
    }
    return memberships;
  }

  /** The users whose memberships are cached. */
  userIds(): Iterable<number> {
    return this.#byUser.keys();
  }

  /** The users for whom a poll or a stream waits. */
  *usersInUse(): Iterable<number> {
    for (const [userId, { holders }] of this.#byUser) if (holders > 0) yield userId;
  }

  /** Returns true while the log keeps these memberships up to date; false once they were dropped between loading and use. */
  isLive(memberships: Memberships): boolean {
    return this.#byUser.get(memberships.userId) === memberships;
  }

  /** Adds the memberships of a user, `groups` with the `changes` since they were read. Returns those cached already, if any. */
  add(userId: number, groups: readonly { id: number; name: string }[], changes: readonly LogEvent[]): Memberships {
    const cached = this.#byUser.get(userId);
    if (cached) return cached;
    const memberships: Memberships = { userId, groups: new Map(), holders: 0 };
    for (const { id, name } of groups) memberships.groups.set(id, this.#nameOf(id, name));
    for (const event of changes) this.#change(memberships, event);
    this.#byUser.set(userId, memberships);
    return memberships;
  }

  /** Applies a join or a leave. Returns the memberships that it changed, or null. */
  apply(event: LogEvent): Memberships | null {
    const memberships = event.userId === null ? undefined : this.#byUser.get(event.userId);
    if (!memberships) return null;
    this.#change(memberships, event);
    return memberships;
  }

  /** Updates the name of the event's group: every event carries the current name of its group. */
  rename({ groupId, groupName }: LogEvent): void {
    if (groupId === null || groupName === null) return;
    const known = this.#names.get(groupId);
    if (known) known.name = groupName;
  }

  /** Drops everything: the log that kept it up to date was replaced. */
  clear(): void {
    this.#byUser.clear();
    this.#names.clear();
  }

  /**
   * Drops the less recently used half of the memberships if there are too many, except those in use, and the names of
   * groups that no cached user is in.
   */
  makeRoom(): void {
    if (this.#byUser.size < this.#maxKept) return;
    const half = this.#byUser.size / 2;
    let at = 0;
    for (const [userId, memberships] of this.#byUser) {
      if (at++ > half) break;
      if (memberships.holders === 0) this.#byUser.delete(userId);
    }
    const inUse = new Set<number>();
    for (const { groups } of this.#byUser.values()) for (const groupId of groups.keys()) inUse.add(groupId);
    for (const groupId of [...this.#names.keys()]) if (!inUse.has(groupId)) this.#names.delete(groupId);
  }

  #change(memberships: Memberships, event: LogEvent): void {
    const { kind, groupId, groupName } = event;
    if (groupId === null) return;
    if (kind === 'left') memberships.groups.delete(groupId);
    else if (kind === 'joined') memberships.groups.set(groupId, this.#nameOf(groupId, groupName));
  }

  #nameOf(groupId: number, name: string | null): GroupName {
    const known = this.#names.get(groupId) ?? { name: name ?? '' };
    if (name !== null) known.name = name;
    this.#names.set(groupId, known);
    return known;
  }
}
