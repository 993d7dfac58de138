import type { StandingSession } from '../database/standing-session.ts';
import type { EventLog } from '../events/event-log.ts';
import { type LogEvent, topicOf } from '../events/log-event.ts';
import { Refused } from './errors.ts';

/** The groups of one user, by id with their names, as they are at the node's position in the log. */
export interface Roster {
  readonly userId: number;
  readonly groups: Map<number, string>;
}

interface Kept extends Roster {
  usedAt: number;
}

interface LoadedRow {
  user_id: number;
  groups: { id: number; name: string }[] | null;
  head: number;
}

const LIMIT_MS = 5000;
const MOST_A_QUERY = 1000;
/** Rosters kept; beyond, those unused for five minutes go. Polls end within one and ask anew, streams ask every few seconds. */
const MOST_KEPT = 50_000;
const UNUSED_MS = 5 * 60_000;

/**
 * Who is in which group, for the users that listen on this node: read once, in batches, then kept true by the log
 * itself. A herd of thousands that reconnects after a failover costs a handful of queries.
 */
export class Rosters {
  readonly #session: StandingSession;
  readonly #log: EventLog;
  readonly #kept = new Map<number, Kept>();
  #wanted = new Map<number, { resolve(roster: Roster): void; reject(error: unknown): void }[]>();
  #loading = false;

  constructor(session: StandingSession, log: EventLog) {
    this.#session = session;
    this.#log = log;
  }

  /**
   * The live roster of a user: it goes on changing with the log. @throws {Refused} user_not_found.
   */
  of(userId: number): Promise<Roster> {
    const kept = this.#kept.get(userId);
    if (kept) {
      kept.usedAt = Date.now();
      return Promise.resolve(kept);
    }
    return new Promise((resolve, reject) => {
      const waiting = this.#wanted.get(userId);
      if (waiting) waiting.push({ resolve, reject });
      else this.#wanted.set(userId, [{ resolve, reject }]);
      if (this.#loading) return;
      this.#loading = true;
      setImmediate(() => void this.#load());
    });
  }

  /** A membership counts from its very event: joining before the event is heard, leaving after. Answers the user whose roster changed. */
  apply(event: LogEvent): Roster | null {
    const roster = event.userId === null ? undefined : this.#kept.get(event.userId);
    if (!roster) return null;
    change(roster, event);
    return roster;
  }

  /** Forgets everything: the log is another one. */
  clear(): void {
    this.#kept.clear();
  }

  async #load(): Promise<void> {
    while (this.#wanted.size > 0) {
      const batch = [...this.#wanted].slice(0, MOST_A_QUERY);
      for (const [userId] of batch) this.#wanted.delete(userId);
      try {
        const loaded = await this.#read(batch.map(([userId]) => userId));
        for (const [userId, waiting] of batch) {
          const roster = loaded.get(userId);
          for (const one of waiting) roster ? one.resolve(roster) : one.reject(new Refused('user_not_found'));
        }
      } catch (error) {
        for (const [, waiting] of batch) for (const one of waiting) one.reject(error);
      }
    }
    this.#loading = false;
  }

  /** Reads rosters with the log's head in the same snapshot, then takes them to the node's own position. */
  async #read(userIds: number[]): Promise<Map<number, Roster>> {
    const rows = await this.#session.query<LoadedRow>(
      {
        name: 'rosters',
        text: `SELECT u.id AS user_id, b.head,
                 (SELECT json_agg(json_build_object('id', g.id, 'name', g.name))
                  FROM plantao.memberships m JOIN plantao.groups g ON g.id = m.group_id WHERE m.user_id = u.id) AS groups
               FROM plantao.log_bounds b, plantao.users u WHERE u.id = ANY($1::bigint[])`,
        values: [userIds],
      },
      LIMIT_MS,
    );
    const head = rows[0]?.head ?? 0;
    await this.#log.reached(head);
    if (this.#kept.size > MOST_KEPT) this.#evict();
    const loaded = new Map<number, Roster>();
    for (const row of rows) {
      const roster: Kept = { userId: row.user_id, groups: new Map(), usedAt: Date.now() };
      for (const group of row.groups ?? []) roster.groups.set(group.id, group.name);
      // The log may have gone on since the snapshot; from here on apply() keeps the roster true.
      for (const event of this.#log.tail.after(head, [topicOf.user(row.user_id)])) change(roster, event);
      this.#kept.set(row.user_id, roster);
      loaded.set(row.user_id, roster);
    }
    return loaded;
  }

  #evict(): void {
    const oldest = Date.now() - UNUSED_MS;
    for (const [userId, roster] of this.#kept) if (roster.usedAt < oldest) this.#kept.delete(userId);
  }
}

function change(roster: Roster, event: LogEvent): void {
  if (event.groupId === null) return;
  if (event.kind === 'joined') roster.groups.set(event.groupId, event.groupName ?? '');
  else if (event.kind === 'left') roster.groups.delete(event.groupId);
}
