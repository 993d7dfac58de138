import { setTimeout as pause } from 'node:timers/promises';
import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import type { EventLog } from '../../events/event-log.ts';
import { type LogEvent, topicOf } from '../../events/log-event.ts';
import { Refused } from '../errors.ts';

/** A group's name, one object for all memberships that it is in: renamed for all of them at once. */
interface GroupName {
  name: string;
}

/** The groups of one user, by id with their names, as they are at the node's position in the log. */
export interface Memberships {
  readonly userId: number;
  readonly groups: Map<number, GroupName>;
  /** Audiences that wait and stand on it; while there are any it is not forgotten. */
  holders: number;
}

/** The names of memberships's groups. */
export const groupNames = (memberships: Memberships): string[] =>
  Array.from(memberships.groups.values(), ({ name }) => name);

interface LoadedRow {
  user_id: number;
  groups: { id: number; name: string }[] | null;
  head: number;
}

interface Wanting {
  resolve(memberships: Memberships): void;
  reject(error: unknown): void;
}

const LIMIT_MS = 5000;
const MOST_A_QUERY = 1000;
/**
 * Between two readings, in milliseconds. The first is made at once; a herd that comes back over seconds, each client at a
 * moment of its own, is read for ten times a second and not once a client. Nobody misses anything by waiting: what comes
 * meanwhile lies behind their cursor.
 */
const PACE_MS = 100;
/** Rosters kept without anybody waiting on them; beyond, those go that were asked for longest ago. */
const MOST_KEPT = 50_000;
/** A try fails where the log has run away from its snapshot, or was begun anew: five times in a row is no chance. */
const MOST_TRIES = 5;

/**
 * Who is in which group, for the users that listen on this node: read once, in batches, then kept true by the log
 * itself. A herd of thousands that reconnects after a failover costs a handful of queries.
 */
export class MembershipCache {
  readonly #session: ReconnectingSession;
  readonly #log: EventLog;
  /** In the order of their last use. */
  readonly #kept = new Map<number, Memberships>();
  readonly #groups = new Map<number, GroupName>();
  readonly #wanted = new Map<number, Wanting[]>();
  #loading = false;
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(session: ReconnectingSession, log: EventLog) {
    this.#session = session;
    this.#log = log;
  }

  /**
   * The live memberships of a user: it goes on changing with the log. @throws {Refused} user_not_found.
   */
  of(userId: number): Promise<Memberships> {
    const kept = this.#kept.get(userId);
    if (kept) {
      this.#kept.delete(userId);
      this.#kept.set(userId, kept);
      return Promise.resolve(kept);
    }
    return new Promise((resolve, reject) => {
      const wanting = this.#wanted.get(userId);
      if (wanting) wanting.push({ resolve, reject });
      else this.#wanted.set(userId, [{ resolve, reject }]);
      if (this.#loading) return;
      this.#loading = true;
      void this.#load();
    });
  }

  /** The users whose memberships are kept. */
  userIds(): Iterable<number> {
    return this.#kept.keys();
  }

  /** True while the log keeps this memberships true; false once it was forgotten between its loading and its use. */
  isLive(memberships: Memberships): boolean {
    return this.#kept.get(memberships.userId) === memberships;
  }

  /** Takes in an event whose time has come. Answers the memberships that it changes, if any. */
  apply(event: LogEvent): Memberships | null {
    const memberships = event.userId === null ? undefined : this.#kept.get(event.userId);
    if (!memberships) return null;
    this.#change(memberships, event);
    return memberships;
  }

  /** Learns what an event's group is called by now. */
  learnName({ groupId, groupName }: LogEvent): void {
    if (groupId === null || groupName === null) return;
    const called = this.#groups.get(groupId);
    if (called) called.name = groupName;
  }

  /** Forgets everything: the log is another one. */
  clear(): void {
    this.#kept.clear();
    this.#groups.clear();
  }

  async #load(): Promise<void> {
    while (this.#wanted.size > 0) {
      // At least a turn of the event loop: whoever asks within it is part of this reading.
      await pause(Math.max(0, this.#readAt + PACE_MS - performance.now()));
      this.#readAt = performance.now();
      const batch = [...this.#wanted].slice(0, MOST_A_QUERY);
      for (const [userId] of batch) this.#wanted.delete(userId);
      try {
        const loaded = await this.#read(batch.map(([userId]) => userId));
        for (const [userId, wanting] of batch) {
          const memberships = loaded.get(userId);
          for (const one of wanting) memberships ? one.resolve(memberships) : one.reject(new Refused('user_not_found'));
        }
      } catch (error) {
        for (const [, wanting] of batch) for (const one of wanting) one.reject(error);
      }
    }
    this.#loading = false;
  }

  /** Reads memberships with the log's head in the same snapshot, then takes them to the node's own position. */
  async #read(userIds: number[]): Promise<Map<number, Memberships>> {
    for (let tries = 0; tries < MOST_TRIES; tries++) {
      const { tail } = this.#log;
      const rows = await this.#session.query<LoadedRow>(this.#query(userIds), LIMIT_MS);
      const head = rows[0]?.head ?? 0;
      if (head > this.#log.head) await this.#log.look();
      for (let end = this.#log.fastForward; end; end = this.#log.fastForward) await end.catch(() => {});
      // In one turn from here on: events that came since the snapshot are taken from memory, later ones through apply().
      const isSame = this.#log.tail === tail && head <= this.#log.head;
      if (rows.length === 0 || (isSame && head >= tail.start)) {
        this.#makeRoom();
        return new Map(rows.map((row) => [row.user_id, this.#keep(row)]));
      }
    }
    throw new Refused('unavailable');
  }

  #query(userIds: number[]) {
    return {
      name: 'memberships',
      text: `SELECT u.id AS user_id, b.head,
               (SELECT json_agg(json_build_object('id', g.id, 'name', g.name))
                FROM plantao.memberships m JOIN plantao.groups g ON g.id = m.group_id WHERE m.user_id = u.id) AS groups
             FROM plantao.log_bounds b, plantao.users u WHERE u.id = ANY($1::bigint[])`,
      values: [userIds],
    };
  }

  #keep(row: LoadedRow): Memberships {
    // One that was loaded meanwhile is in use already, and there may be only one that is kept true.
    const kept = this.#kept.get(row.user_id);
    if (kept) return kept;
    const memberships: Memberships = { userId: row.user_id, groups: new Map(), holders: 0 };
    for (const { id, name } of row.groups ?? []) memberships.groups.set(id, this.#called(id, name));
    for (const event of this.#log.tail.after(row.head, [topicOf.user(row.user_id)])) this.#change(memberships, event);
    this.#kept.set(row.user_id, memberships);
    return memberships;
  }

  #change(memberships: Memberships, event: LogEvent): void {
    if (event.groupId === null) return;
    if (event.kind === 'left') memberships.groups.delete(event.groupId);
    else if (event.kind === 'joined')
      memberships.groups.set(event.groupId, this.#called(event.groupId, event.groupName));
  }

  #called(groupId: number, name: string | null): GroupName {
    let called = this.#groups.get(groupId);
    if (!called) {
      called = { name: name ?? '' };
      this.#groups.set(groupId, called);
    } else if (name !== null) called.name = name;
    return called;
  }

  /** Drops the half that was asked for longest ago, except what is waited on, and the names of groups that nobody is in. */
  #makeRoom(): void {
    if (this.#kept.size < MOST_KEPT) return;
    const most = this.#kept.size / 2;
    let at = 0;
    for (const [userId, memberships] of this.#kept) {
      if (at++ > most) break;
      if (memberships.holders === 0) this.#kept.delete(userId);
    }
    const inUse = new Set<number>();
    for (const memberships of this.#kept.values()) for (const groupId of memberships.groups.keys()) inUse.add(groupId);
    for (const groupId of [...this.#groups.keys()]) if (!inUse.has(groupId)) this.#groups.delete(groupId);
  }
}
