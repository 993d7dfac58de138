import { type LogEvent, topicOf } from '../events/log-event.ts';
import type { Audience } from '../events/waiters.ts';
import type { Roster } from './rosters.ts';

/** Is the one who listens a member of this group, at the event in question? */
export type IsMember = (groupId: number) => boolean;

/** An audience whose hearing can be asked for any membership, so that the past can be replayed with that of the past. */
export interface ReplayableAudience extends Audience {
  /** The user whose membership decides, or null where none does. */
  readonly roster: Roster | null;
  hearsAs(event: LogEvent, isMember: IsMember): boolean;
  /** Groups that are heard whatever the membership says (beside the roster's). */
  readonly groupIds: readonly number[];
  /** The free topic that is heard, if any. */
  readonly name: string | null;
}

/** All of one user's groups, joined ones included from the moment of joining: GET /subscribe/user and /events. */
export class UserAudience implements ReplayableAudience {
  readonly id: string;
  readonly roster: Roster;
  readonly groupIds: readonly number[] = [];
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
    return this.roster.groups.values();
  }

  hears(event: LogEvent): boolean {
    return this.hearsAs(event, (groupId) => this.roster.groups.has(groupId));
  }

  hearsAs(event: LogEvent, isMember: IsMember): boolean {
    if (event.kind === 'broadcast' || event.userId === this.roster.userId) return true;
    return event.groupId !== null && isMember(event.groupId);
  }
}

/**
 * One name or one group: GET /subscribe/status. With a roster, groups are heard by members only. `label` is what the
 * client called it, by name or by id.
 */
export class NamedAudience implements ReplayableAudience {
  readonly id: string;
  readonly name: string | null;
  readonly groupIds: readonly number[];
  readonly roster: Roster | null;
  readonly label: string | number;

  /** `name` is the free topic to hear, or null; `groupIds` the groups. */
  constructor(label: string | number, name: string | null, groupIds: readonly number[], roster: Roster | null) {
    this.label = label;
    this.name = name;
    this.groupIds = groupIds;
    this.roster = roster;
    this.id = `${roster ? `member:${roster.userId}` : 'anyone'}/${groupIds.join(',')}/${name ?? ''}`;
  }

  topics(): string[] {
    const own = this.name === null ? [] : [topicOf.name(this.name)];
    return [topicOf.everyone, ...own, ...this.groupIds.map(topicOf.group)];
  }

  names(): string[] {
    return [String(this.label)];
  }

  hears(event: LogEvent): boolean {
    return this.hearsAs(event, (groupId) => this.roster?.groups.has(groupId) ?? true);
  }

  hearsAs(event: LogEvent, isMember: IsMember): boolean {
    if (event.kind === 'broadcast') return true;
    if (this.name !== null && event.topic === this.name) return true;
    return event.groupId !== null && this.groupIds.includes(event.groupId) && isMember(event.groupId);
  }
}
