import { setTimeout as sleep } from 'node:timers/promises';
import { BatchLoader } from '../../async/batch-loader.ts';
import type { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import type { EventLog } from '../../events/event-log.ts';
import { routingKey } from '../../events/routing-keys.ts';
import { Refused } from '../errors.ts';
import type { MembershipCache, Memberships } from './membership-cache.ts';

interface LoadedRow {
  user_id: number;
  groups: { id: number; name: string }[] | null;
  head: number;
}

const LIMIT_MS = 5000;
const MAX_PER_QUERY = 1000;
/**
 * The shortest interval between two queries, in milliseconds. The first runs at once. A herd that returns over a few seconds then
 * costs ten queries a second, rather than one for each client. A client misses nothing while it waits: what happens meanwhile
 * comes after its cursor.
 */
const INTERVAL_MS = 100;
/**
 * An attempt fails if the log has advanced too far beyond its snapshot, or was replaced. Five failures in a row are not a
 * coincidence.
 */
const MAX_TRIES = 5;

/** Loads memberships into the cache in batches: a herd of thousands that reconnects costs a handful of queries. */
export class MembershipLoader {
  readonly #session: ReconnectingSession;
  readonly #log: EventLog;
  readonly #cache: MembershipCache;
  readonly #loads = new BatchLoader<number, Memberships>();
  #isLoading = false;
  #lastQueryAt = Number.NEGATIVE_INFINITY;

  constructor(session: ReconnectingSession, log: EventLog, cache: MembershipCache) {
    this.#session = session;
    this.#log = log;
    this.#cache = cache;
  }

  /** Returns the live memberships of a user. @throws {Refused} user_not_found, unavailable; the database's error. */
  of(userId: number): Promise<Memberships> {
    const cached = this.#cache.get(userId);
    if (cached) return Promise.resolve(cached);
    const loaded = this.#loads.enqueue(userId);
    if (!this.#isLoading) void this.#loadAll();
    return loaded;
  }

  async #loadAll(): Promise<void> {
    this.#isLoading = true;
    while (this.#loads.size > 0) {
      // At least one turn of the event loop, so that all calls within it share this query.
      await sleep(Math.max(0, this.#lastQueryAt + INTERVAL_MS - performance.now()));
      this.#lastQueryAt = performance.now();
      await this.#loads.runBatch(MAX_PER_QUERY, async (userIds) => {
        const loaded = await this.#read(userIds);
        return (userId) => {
          const memberships = loaded.get(userId);
          if (!memberships) throw new Refused('user_not_found');
          return memberships;
        };
      });
    }
    this.#isLoading = false;
  }

  /** Reads memberships with the log's head in the same snapshot, then brings them to the node's own position. */
  async #read(userIds: number[]): Promise<Map<number, Memberships>> {
    for (let tries = 0; tries < MAX_TRIES; tries++) {
      const { tail } = this.#log.known;
      const rows = await this.#session.query<LoadedRow>(this.#query(userIds), LIMIT_MS);
      const head = rows[0]?.head ?? 0;
      if (head > this.#log.known.head) await this.#log.read();
      const loaded = await this.#log.whenSettled(() => this.#add(rows, head, tail));
      if (loaded) return loaded;
    }
    throw new Refused('unavailable');
  }

  /**
   * Adds the rows with the changes after their snapshot, which are in the tail; later ones reach the cache as they are
   * delivered. Returns null if the tail begins after the snapshot, or is not the one from before the query.
   */
  #add(rows: readonly LoadedRow[], head: number, tail: EventLog['known']['tail']): Map<number, Memberships> | null {
    const { known } = this.#log;
    const isCovered = known.tail === tail && head <= known.head && head >= tail.start;
    if (rows.length > 0 && !isCovered) return null;
    this.#cache.makeRoom();
    return new Map(
      rows.map(({ user_id, groups }) => {
        const changes = tail.after(head, [routingKey.user(user_id)]);
        return [user_id, this.#cache.add(user_id, groups ?? [], changes)];
      }),
    );
  }

  #query(userIds: number[]) {
    return {
      name: 'memberships',
      text: `SELECT u.id AS user_id, b.head,
               (SELECT json_agg(json_build_object('id', g.id, 'name', g.name))
                FROM plantao.memberships m JOIN plantao.groups g ON g.id = m.group_id WHERE m.user_id = u.id) AS groups
             FROM plantao.log_bounds b, plantao.users u
             WHERE u.id = ANY($1::bigint[]) AND NOT u.is_hook AND u.erased_at IS NULL`,
      values: [userIds],
    };
  }
}
