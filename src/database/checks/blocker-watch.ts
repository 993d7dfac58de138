import type { Log } from '../../log/log.ts';
import { SqlState, sqlState } from '../errors.ts';
import type { Queryable } from '../session/reconnecting-session.ts';
import {
  BlockedError,
  type Blocker,
  blockingRemedy,
  readBlockers,
  sessionName,
  type ToBlockedError,
} from './blocking.ts';

/** Interval between two checks while a session blocks, in milliseconds. */
const INTERVAL_MS = 1000;

/**
 * Finds the sessions that block this node, after PostgreSQL has refused it a lock. Logs each session once, with the statement
 * that ends it, and once more when it no longer blocks.
 */
export class BlockerWatch {
  readonly #session: Queryable;
  readonly #log: Log;
  readonly #known = new Map<string, Blocker>();
  /** False if the last check failed: a session may have ended since, and another one may have its pid. */
  #isCurrent = true;
  #checking: Promise<Blocker[]> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(session: Queryable, log: Log) {
    this.#session = session;
    this.#log = log;
  }

  /** See {@link ToBlockedError}. */
  readonly toBlockedError: ToBlockedError = async (error) => {
    if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE) return error;
    return new BlockedError(await this.#check(), { cause: error });
  };

  /**
   * As {@link toBlockedError}, and also explains a statement that has taken too long while a session blocks the nodes: a statement
   * without a lock_timeout waits for a lock until its statement_timeout. Returns the error unchanged if no session blocks.
   */
  readonly toBlockedOrSlow: ToBlockedError = async (error) => {
    if (sqlState(error) !== SqlState.QUERY_CANCELED) return this.toBlockedError(error);
    const blockers = await this.#check();
    return blockers.length > 0 ? new BlockedError(blockers, { cause: error }) : error;
  };

  /**
   * The sessions that block this node now, without what only operators may see: roles, addresses, names. Null if none does, or if
   * that is not known.
   */
  get sentence(): string | null {
    if (this.#known.size === 0 || !this.#isCurrent) return null;
    const sentences = Array.from(this.#known.values(), ({ pid, blocks, endedBy, diskWait }) =>
      pid === null
        ? `a prepared transaction blocks ${blocks}`
        : `server process ${pid} blocks ${blocks}: ${blockingRemedy(endedBy, diskWait)}`,
    );
    return `${sentences.join('; ')}. TABLE plantao.blocking describes it`;
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Returns the blockers; concurrent calls share one check. If it fails, returns those of the last check. */
  #check(): Promise<Blocker[]> {
    this.#checking ??= readBlockers(this.#session)
      .then((blockers) => {
        this.#isCurrent = true;
        return this.#report(blockers);
      })
      .catch(() => {
        this.#isCurrent = false;
        return [...this.#known.values()];
      })
      .finally(() => {
        this.#checking = null;
        clearTimeout(this.#timer);
        if (this.#known.size > 0 && !this.#isStopped) this.#timer = setTimeout(() => void this.#check(), INTERVAL_MS);
      });
    return this.#checking;
  }

  #report(blockers: Blocker[]): Blocker[] {
    const found = new Map(blockers.map((blocker) => [`${blocker.pid} ${blocker.since} ${blocker.endedBy}`, blocker]));
    for (const [key, blocker] of found) {
      const isKnown = this.#known.has(key);
      this.#known.set(key, blocker);
      if (isKnown) continue;
      const { blocks, state, since, endedBy, diskWait } = blocker;
      const remedy = diskWait ? `: ${blockingRemedy(endedBy, diskWait)}` : `. To end it: ${endedBy}`;
      const details = [state, since && `since ${since}`].filter(Boolean).join(' ');
      this.#log.warn(
        { event: 'blocked', pid: blocker.pid },
        `${sessionName(blocker)}${details && `, ${details},`} blocks ${blocks}${remedy}`,
      );
    }
    for (const [key, blocker] of this.#known) {
      if (found.has(key)) continue;
      this.#known.delete(key);
      this.#log.info(
        { event: 'unblocked', pid: blocker.pid },
        `${sessionName(blocker)} no longer blocks ${blocker.blocks}`,
      );
    }
    return blockers;
  }
}
