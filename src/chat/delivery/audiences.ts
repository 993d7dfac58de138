import { type LogEvent, topicOf } from '../../events/log-event.ts';
import type { Audience } from '../../events/waiters.ts';
import { namesOf, type Roster } from './membership-cache.ts';

/** Is the one who listens a member of this group, at the event in question? */
type IsMember = (groupId: number) => boolean;

/** An audience whose hearing can be asked for any membership, so that the past can be replayed with that of the past. */
export interface ReplayableAudience extends Audience {
  /** The user whose membership decides, or null where none does. */
  readonly roster: Roster | null;
  hearsAs(event: LogEvent, isMember: IsMember): boolean;
  /** What is heard beside the roster's groups: the one group, or the free topic and the groups of one name. */
  readonly groupId: number | null;
  readonly name: string | null;
}

/** All of one user's groups, joined ones included from the moment of joining: GET /subscribe/user and /events. */
export class UserAudience implements ReplayableAudience {
  readonly id: string;
  readonly roster: Roster;
  readonly groupId = null;
  readonly name = null;

  constructor(roster: Roster) {
    this.roster = roster;
    this.id = UserAudience.idOf(roster.userId);
  }

  static idOf(userId: number): string {
    return `user:${userId}`;
  }

  topics(): string[] {
    return [topicOf.everyone, topicOf.user(this.roster.userId), ...[...this.roster.groups.keys()].map(topicOf.group)];
  }

  names(): Iterable<string> {
    return namesOf(this.roster);
  }

  hears(event: LogEvent): boolean {
    return this.hearsAs(event, (groupId) => this.roster.groups.has(groupId));
  }

  hearsAs(event: LogEvent, isMember: IsMember): boolean {
    if (event.kind === 'broadcast' || event.userId === this.roster.userId) return true;
    return event.groupId !== null && isMember(event.groupId);
  }

  hold(): void {
    this.roster.holders++;
  }

  release(): void {
    this.roster.holders--;
  }
}

/**
 * One group, by id, or one name: the free topic and every group called so at the event, also one that is made or joined
 * while somebody waits: GET /subscribe/status. With a roster, groups are heard by members only.
 */
export class NamedAudience implements ReplayableAudience {
  readonly id: string;
  readonly roster: Roster | null;
  readonly groupId: number | null;
  readonly name: string | null;
  /** What the client called it: a group's id, or a name. */
  readonly label: string | number;

  readonly #called: string | undefined;

  /** `called` is what a group by id was called a moment ago, where no roster knows. */
  constructor(label: string | number, roster: Roster | null, called?: string) {
    this.label = label;
    this.#called = called;
    this.roster = roster;
    this.groupId = typeof label === 'number' ? label : null;
    this.name = typeof label === 'string' ? label : null;
    const listener = roster === null ? 'anyone' : `member:${roster.userId}`;
    this.id = `${listener}/${typeof label === 'number' ? 'group' : 'name'}:${label}`;
  }

  topics(): string[] {
    return [topicOf.everyone, typeof this.label === 'number' ? topicOf.group(this.label) : topicOf.name(this.label)];
  }

  names(): string[] {
    const called = this.groupId === null ? undefined : (this.roster?.groups.get(this.groupId)?.name ?? this.#called);
    return [called ?? String(this.label)];
  }

  hears(event: LogEvent): boolean {
    return this.hearsAs(event, (groupId) => this.roster?.groups.has(groupId) ?? true);
  }

  hearsAs(event: LogEvent, isMember: IsMember): boolean {
    if (event.kind === 'broadcast') return true;
    if (this.name !== null && event.topic === this.name) return true;
    const isIt = this.name === null ? event.groupId === this.groupId : event.groupName === this.name;
    return isIt && event.groupId !== null && isMember(event.groupId);
  }

  hold(): void {
    if (this.roster) this.roster.holders++;
  }

  release(): void {
    if (this.roster) this.roster.holders--;
  }
}
