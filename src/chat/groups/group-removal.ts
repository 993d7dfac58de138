import type { Sequelize, Transaction } from 'sequelize';
import { BackgroundLoop } from '../../async/background-loop.ts';
import { BlockedError } from '../../database/checks/blocking.ts';
import { isUnavailable } from '../../database/errors.ts';
import { query } from '../../database/query.ts';
import { afterCommit } from '../../database/writes/after-commit.ts';
import { NotActiveError, type Write } from '../../database/writes/fenced-write.ts';
import type { Log } from '../../log/log.ts';

/** Options of {@link GroupRemoval}. */
export interface GroupRemovalOptions {
  sequelize: Sequelize;
  write: Write;
  log: Pick<Log, 'info' | 'error' | 'debug'>;
  /** Returns true while this node is active. The database checks the term at each step. */
  isActive: () => boolean;
}

/** How often the active node looks for deletions to continue. */
const INTERVAL_MS = 2000;
/** Number of messages and reactions that one step removes: some tens of milliseconds, in which no other write commits. */
const STEP = 1000;
/** Pause between two steps of a continued deletion, so that posts do not wait for the disk. */
const PAUSE_MS = 50;
const MESSAGES_REMAIN = 'the group is deleted, and the service removes the rest of its messages soon';

/**
 * Removes the messages of groups that are being deleted, in steps, so that other writes do not wait for long. While this node is
 * active, it also continues the deletions that a failed node left behind, or that began in psql.
 */
export class GroupRemoval {
  readonly #options: GroupRemovalOptions;
  readonly #loop: BackgroundLoop;
  /** Groups that requests are deleting. */
  readonly #requested = new Set<number>();
  /** Groups whose deletion was continued before: each is logged once. */
  readonly #continued = new Set<number>();
  /** The failure of the last round, which is logged once: of a group, or of the search for groups. */
  readonly #failed = new Set<number | 'search'>();

  constructor(options: GroupRemovalOptions) {
    this.#options = options;
    this.#loop = new BackgroundLoop({
      delayMs: () => INTERVAL_MS,
      round: () => this.continueAll(),
      onError: (error) => this.#report(error),
    });
  }

  start(): void {
    this.#loop.start();
  }

  /** Resolves when no step of a continued deletion is in progress. */
  stop(): Promise<void> {
    return this.#loop.stop();
  }

  /**
   * Deletes a group for a request; `check` runs in the transaction of the first step.
   * @throws {NotActiveError}; the errors of `check`; {OutcomeUnknownError} if the group is deleted and some messages are not yet.
   */
  async remove(groupId: number, check: (transaction: Transaction) => Promise<void>): Promise<void> {
    this.#requested.add(groupId);
    try {
      let isMore = await this.#step(groupId, check);
      while (isMore) isMore = await afterCommit(() => this.#step(groupId), MESSAGES_REMAIN);
    } finally {
      this.#requested.delete(groupId);
    }
  }

  /** Continues all deletions that no request carries out. A group that fails does not stop the others. @throws the database's error. */
  async continueAll(): Promise<void> {
    const seen: number[] = [];
    while (this.#mayContinue) {
      const groupId = await this.#next(seen);
      if (groupId === undefined) break;
      this.#failed.delete('search');
      seen.push(groupId);
      await this.#continue(groupId).catch((error) => this.#report(error, groupId));
    }
    for (const groupId of this.#continued) if (!seen.includes(groupId)) this.#continued.delete(groupId);
  }

  get #mayContinue(): boolean {
    return this.#options.isActive() && !this.#loop.isStopping;
  }

  async #next(seen: readonly number[]): Promise<number | undefined> {
    const [group] = await query<{ id: number }>(
      this.#options.sequelize,
      `SELECT id FROM plantao.groups WHERE deleted_at IS NOT NULL AND id <> ALL ($others::bigint[])
       ORDER BY deleted_at LIMIT 1`,
      { others: [...seen, ...this.#requested] },
    );
    return group?.id;
  }

  async #continue(groupId: number): Promise<void> {
    if (!this.#continued.has(groupId)) {
      this.#options.log.info(
        { event: 'group_removal_continued', group_id: groupId },
        `the messages of the deleted group ${groupId} are still there: this node removes them`,
      );
    }
    this.#continued.add(groupId);
    while (this.#mayContinue && (await this.#step(groupId))) {
      await this.#loop.pause(PAUSE_MS);
    }
    this.#failed.delete(groupId);
  }

  /** Returns true if there may be more messages. */
  async #step(groupId: number, check?: (transaction: Transaction) => Promise<void>): Promise<boolean> {
    return this.#options.write(async (transaction) => {
      await check?.(transaction);
      const [row] = await query<{ removed: number }>(
        transaction,
        'SELECT plantao.delete_group($groupId, $limit) AS removed',
        { groupId, limit: STEP },
      );
      return row?.removed === STEP;
    });
  }

  /**
   * Logs a failure as an error, once. A closed term, an unavailable database or a lock is expected: the next round, here or on the
   * next active node, continues.
   */
  #report(error: unknown, groupId?: number): void {
    const isExpected = error instanceof NotActiveError || error instanceof BlockedError || isUnavailable(error);
    const isKnown = this.#failed.has(groupId ?? 'search');
    if (!isExpected) this.#failed.add(groupId ?? 'search');
    this.#options.log[isExpected || isKnown ? 'debug' : 'error'](
      { err: error, group_id: groupId },
      'the messages of a deleted group could not be removed: the node tries again',
    );
  }
}
