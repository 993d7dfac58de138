import { type LogEvent, topicOf } from '../../events/log-event.ts';
import type { Audience } from '../../events/waiters.ts';
import { groupNames, type Memberships } from './membership-cache.ts';

/** Is the one who listens a member of this group, at the event in question? */
type IsMember = (groupId: number) => boolean;

/** An audience whose hearing can be asked for any membership, so that the past can be replayed with that of the past. */
export interface ReplayableAudience extends Audience {
  /** The user whose membership decides, or null where none does. */
  readonly memberships: Memberships | null;
  matchesAs(event: LogEvent, isMember: IsMember): boolean;
  /** What is heard beside the memberships's groups: the one group, or the free topic and the groups of one name. */
  readonly groupId: number | null;
  readonly name: string | null;
}

/** All of one user's groups, joined ones included from the moment of joining: GET /subscribe/user and /events. */
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

  topics(): string[] {
    return [
      topicOf.everyone,
      topicOf.user(this.memberships.userId),
      ...[...this.memberships.groups.keys()].map(topicOf.group),
    ];
  }

  names(): Iterable<string> {
    return groupNames(this.memberships);
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
 * One group, by id, or one name: the free topic and every group called so at the event, also one that is made or joined
 * while somebody waits: GET /subscribe/status. With memberships, groups are heard by members only.
 */
export class NamedAudience implements ReplayableAudience {
  readonly id: string;
  readonly memberships: Memberships | null;
  readonly groupId: number | null;
  readonly name: string | null;
  /** What the client called it: a group's id, or a name. */
  readonly label: string | number;

  readonly #called: string | undefined;

  /** `called` is what a group by id was called a moment ago, where no memberships knows. */
  constructor(label: string | number, memberships: Memberships | null, called?: string) {
    this.label = label;
    this.#called = called;
    this.memberships = memberships;
    this.groupId = typeof label === 'number' ? label : null;
    this.name = typeof label === 'string' ? label : null;
    const listener = memberships === null ? 'anyone' : `member:${memberships.userId}`;
    this.id = `${listener}/${typeof label === 'number' ? 'group' : 'name'}:${label}`;
  }

  topics(): string[] {
    return [topicOf.everyone, typeof this.label === 'number' ? topicOf.group(this.label) : topicOf.name(this.label)];
  }

  names(): string[] {
    const called =
      this.groupId === null ? undefined : (this.memberships?.groups.get(this.groupId)?.name ?? this.#called);
    return [called ?? String(this.label)];
  }

  matches(event: LogEvent): boolean {
    return this.matchesAs(event, (groupId) => this.memberships?.groups.has(groupId) ?? true);
  }

  matchesAs(event: LogEvent, isMember: IsMember): boolean {
    if (event.kind === 'broadcast') return true;
    if (this.name !== null && event.topic === this.name) return true;
    const isIt = this.name === null ? event.groupId === this.groupId : event.groupName === this.name;
    return isIt && event.groupId !== null && isMember(event.groupId);
  }

  hold(): void {
    if (this.memberships) this.memberships.holders++;
  }

  release(): void {
    if (this.memberships) this.memberships.holders--;
  }
}
