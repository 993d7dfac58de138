import type { LogEvent } from '../../events/log-event.ts';
import { routingKey } from '../../events/routing-keys.ts';
import type { Audience } from '../../events/waiters.ts';
import type { Memberships } from './membership-cache.ts';

/** Returns whether the user was a member of the group at the event in question. */
type IsMember = (groupId: number) => boolean;

/** An audience that can match past events with the memberships that the user had at that time. */
export interface ReplayableAudience extends Audience {
  /** The memberships that decide whether an event matches, or null if none do. */
  readonly memberships: Memberships | null;
  /** Does the same as {@link Audience.matches}, with the given memberships. */
  matchesAs(event: LogEvent, isMember: IsMember): boolean;
  /** The group that it waits for; null if it waits for a name, or for all groups of a user. */
  readonly groupId: number | null;
  /** The name of a topic and of groups that it waits for; null if it waits for ids. */
  readonly name: string | null;
}

/** Matches the events of all groups of a user, each group from the event with which the user joined it: GET /subscribe/user and /events. */
export class UserAudience implements ReplayableAudience {
  readonly id: string;
  readonly memberships: Memberships;
  readonly groupId = null;
  readonly name = null;

  constructor(memberships: Memberships) {
    this.memberships = memberships;
    this.id = UserAudience.idOf(memberships.userId);
  }

  static idOf(userId: number): string {
    return `user:${userId}`;
  }

  routingKeys(): string[] {
    return [
      routingKey.everyone,
      routingKey.user(this.memberships.userId),
      ...[...this.memberships.groups.keys()].map(routingKey.group),
    ];
  }

  groupName(groupId: number): string | null {
    return this.memberships.groups.get(groupId)?.name ?? null;
  }

  matches(event: LogEvent): boolean {
    return this.matchesAs(event, (groupId) => this.memberships.groups.has(groupId));
  }

  matchesAs(event: LogEvent, isMember: IsMember): boolean {
    if (event.kind === 'broadcast' || event.userId === this.memberships.userId) return true;
    return event.groupId !== null && isMember(event.groupId);
  }

  hold(): void {
    this.memberships.holders++;
  }

  release(): void {
    this.memberships.holders--;
  }
}

/**
 * Matches the events of GET /subscribe/status: of the group with an id, or of everything with a name. That is the topic, and each
 * group that has the name at the time of the event, even one that was created or joined during the wait. With memberships, it
 * matches only groups of which the user is a member.
 */
export class GroupOrNameAudience implements ReplayableAudience {
  readonly id: string;
  readonly memberships: Memberships | null;
  readonly groupId: number | null;
  readonly name: string | null;
  /** The group's id or the name, as the client gave it. */
  readonly label: string | number;

  readonly #groupName: string | undefined;

  /** `groupName` is the current name of the group, if `label` is an id and no memberships are given that name the group. */
  constructor(label: string | number, memberships: Memberships | null, groupName?: string) {
    this.label = label;
    this.#groupName = groupName;
    this.memberships = memberships;
    this.groupId = typeof label === 'number' ? label : null;
    this.name = typeof label === 'string' ? label : null;
    const owner = memberships === null ? 'anyone' : `member:${memberships.userId}`;
    this.id = `${owner}/${typeof label === 'number' ? 'group' : 'name'}:${label}`;
  }

  routingKeys(): string[] {
    return [
      routingKey.everyone,
      typeof this.label === 'number' ? routingKey.group(this.label) : routingKey.name(this.label),
    ];
  }

  groupName(groupId: number): string | null {
    if (groupId !== this.groupId) return null;
    return this.memberships?.groups.get(groupId)?.name ?? this.#groupName ?? null;
  }

  matches(event: LogEvent): boolean {
    return this.matchesAs(event, (groupId) => this.memberships?.groups.has(groupId) ?? true);
  }

  matchesAs(event: LogEvent, isMember: IsMember): boolean {
    if (event.kind === 'broadcast') return true;
    const isOfName = this.name !== null && (event.groupName === this.name || event.topic === this.name);
    // Anyone may subscribe to the topic of a notification. In other events, `topic` is the name that their group had.
    if (isOfName && event.kind === 'notification' && event.topic === this.name) return true;
    const isAwaited = this.name === null ? event.groupId === this.groupId : isOfName;
    return isAwaited && event.groupId !== null && isMember(event.groupId);
  }

  hold(): void {
    if (this.memberships) this.memberships.holders++;
  }

  release(): void {
    if (this.memberships) this.memberships.holders--;
  }
}
