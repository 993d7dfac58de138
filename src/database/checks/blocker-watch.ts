import type { Log } from '../../log.ts';
import { SqlState, sqlState } from '../errors.ts';
import type { Queryable } from '../session/reconnecting-session.ts';
import { BlockedError, type Blocker, type Explain, readBlockers, sessionName } from './blocking.ts';

/** From one look to the next while a session is known that blocks, ms. */
const EVERY_MS = 1000;

/**
 * Finds out who blocks, once PostgreSQL has refused this node a lock. Each session is logged once, with the statement that
 * ends it, and once more when it blocks no longer.
 */
export class BlockerWatch {
  readonly #session: Queryable;
  readonly #log: Log;
  readonly #known = new Map<string, Blocker>();
  #looking: Promise<Blocker[]> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(session: Queryable, log: Log) {
    this.#session = session;
    this.#log = log;
  }

  /** The {@link BlockedError} that stands for a lock that was not to be had in time; any other error as it is. */
  readonly explain: Explain = async (error) => {
    if (sqlState(error) !== SqlState.LOCK_NOT_AVAILABLE) return error;
    return new BlockedError(await this.#look(), { cause: error });
  };

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
  }

  /** Shared by all who ask meanwhile. What cannot be read is not named. */
  #look(): Promise<Blocker[]> {
    this.#looking ??= readBlockers(this.#session)
      .then((blockers) => this.#report(blockers))
      .catch(() => [...this.#known.values()])
      .finally(() => {
        this.#looking = null;
        clearTimeout(this.#timer);
        if (this.#known.size > 0 && !this.#isStopped) this.#timer = setTimeout(() => void this.#look(), EVERY_MS);
      });
    return this.#looking;
  }

  #report(blockers: Blocker[]): Blocker[] {
    const found = new Map(blockers.map((blocker) => [`${blocker.pid} ${blocker.since} ${blocker.endedBy}`, blocker]));
    for (const [key, blocker] of found) {
      if (this.#known.has(key)) continue;
      this.#known.set(key, blocker);
      const { blocks, state, since, endedBy } = blocker;
      const details = [state, since && `since ${since}`].filter(Boolean).join(' ');
      this.#log.warn(
        { event: 'blocked', pid: blocker.pid },
        `${sessionName(blocker)}${details && `, ${details},`} holds up ${blocks}. To end it: ${endedBy}`,
      );
    }
    for (const [key, blocker] of this.#known) {
      if (found.has(key)) continue;
      this.#known.delete(key);
      this.#log.info(
        { event: 'unblocked', pid: blocker.pid },
        `${sessionName(blocker)} no longer holds up ${blocker.blocks}`,
      );
    }
    return blockers;
  }
}
