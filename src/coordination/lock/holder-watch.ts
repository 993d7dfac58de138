import { type Clock, monotonic } from '../../async/clock.ts';
import { sessionName } from '../../database/checks/blocking.ts';
import type { Queryable } from '../../database/session/reconnecting-session.ts';
import { errorMessage } from '../../error-message.ts';
import type { ChangeLogger } from '../change-logger.ts';

/** Options of {@link HolderWatch}. */
export interface HolderWatchOptions {
  session: Queryable;
  leaseMs: number;
  changes: ChangeLogger;
  clock?: Clock;
}

interface HolderRow {
  application: string;
  pid: number;
  role: string | null;
  client: string | null;
  connected: string | null;
  heartbeatMark: string;
  leaseMs: number | null;
}

const LIMIT_MS = 2000;

/**
 * Watches the session that holds the leader lock while no node is seen active.
 *
 * PostgreSQL ends a silent holder's session after the lease, but measures it by its wall clock: if that clock is set back by half
 * a minute, the cluster has no active node for as long. A candidate measures by its own monotonic clock, and terminates a node's
 * lock session if its heartbeat mark (plantao.lock_holder.life_sign) has not changed for three leases. Every heartbeat of a living
 * holder changes it, four times per lease. A session without the name of a node belongs to another program: it is logged, and never
 * terminated.
 */
export class HolderWatch {
  readonly #options: HolderWatchOptions;
  readonly #clock: Clock;
  #silent: { heartbeatMark: string; since: number } | null = null;
  /** The holder that was seen last. */
  #seen: { session: string; since: number } | null = null;
  #dueAt = Number.NEGATIVE_INFINITY;
  #isChecking = false;

  constructor(options: HolderWatchOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
  }

  /** Forgets what was seen: a node is active, or the lock is free. */
  reset(): void {
    this.#silent = null;
    this.#seen = null;
  }

  /** Checks the holder, at most four times per lease. Returns true if its session was ended, so that the lock is free. */
  async check(leaderlessMs: number): Promise<boolean> {
    const { leaseMs, changes } = this.#options;
    const now = this.#clock();
    if (leaderlessMs < leaseMs / 4 || now < this.#dueAt || this.#isChecking) return false;
    this.#dueAt = now + leaseMs / 4;
    this.#isChecking = true;
    try {
      const holder = await this.#read();
      if (holder === null) this.reset();
      else if (this.#isSilent(holder)) return await this.#end(holder);
      else if (this.#isUnexplained(holder)) {
        const since = holder.connected ? `, connected since ${holder.connected},` : '';
        const sentence = `no node is seen active, but ${sessionName(holder)}${since} holds the leader lock`;
        changes.report(
          'holder',
          `${sentence}. To end it: SELECT pg_terminate_backend(${holder.pid})`,
          'lock_held_elsewhere',
        );
      }
    } catch (error) {
      if (leaderlessMs <= 2 * leaseMs) return false;
      changes.report(
        'holder',
        `no node is seen active, and the holder of the leader lock cannot be read: ${errorMessage(error)}`,
      );
    } finally {
      this.#isChecking = false;
    }
    return false;
  }

  async #read(): Promise<HolderRow | null> {
    const [row] = await this.#options.session.query<HolderRow & Record<string, unknown>>(
      {
        name: 'lock_holder',
        text: `SELECT coalesce(application_name, '') AS application, pid, usename AS role, host(client_addr) AS client,
                      to_char(backend_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS connected,
                      life_sign AS "heartbeatMark", extract(epoch FROM lease)::float8 * 1000 AS "leaseMs"
               FROM plantao.lock_holder`,
      },
      LIMIT_MS,
    );
    return row ?? null;
  }

  /**
   * Returns true if the holder has had the lock for two leases: a node that has just been promoted, perhaps after a long outage, is
   * seen active by then.
   */
  #isUnexplained({ application, pid, connected }: HolderRow): boolean {
    const now = this.#clock();
    const session = `${application} ${pid} ${connected}`;
    if (this.#seen?.session !== session) this.#seen = { session, since: now };
    return now - this.#seen.since > 2 * this.#options.leaseMs;
  }

  /**
   * Returns true if the holder has been silent for three leases. Uses the longer of its lease and this node's: nodes may have
   * different settings.
   */
  #isSilent({ heartbeatMark, leaseMs }: HolderRow): boolean {
    const now = this.#clock();
    if (this.#silent?.heartbeatMark !== heartbeatMark) this.#silent = { heartbeatMark, since: now };
    return now - this.#silent.since >= 3 * Math.max(this.#options.leaseMs, leaseMs ?? 0);
  }

  async #end(holder: HolderRow): Promise<boolean> {
    const { changes, session } = this.#options;
    const [row] = await session.query<{ ended: boolean | null }>(
      { text: 'SELECT plantao.end_silent_holder($1) AS ended', values: [holder.heartbeatMark] },
      LIMIT_MS,
    );
    const name = sessionName(holder);
    if (row?.ended) {
      this.reset();
      changes.report(
        'holder',
        `ended ${name}: it held the leader lock for three leases without a heartbeat`,
        'holder_ended',
      );
      return true;
    }
    const advice = `To end it: SELECT pg_terminate_backend(${holder.pid})`;
    const sentence =
      row?.ended === false
        ? `${name} holds the leader lock without a heartbeat, and this role may not end it`
        : `no node is seen active, but ${name} holds the leader lock`;
    changes.report('holder', `${sentence}. ${advice}`, 'lock_held_elsewhere');
    return false;
  }
}
