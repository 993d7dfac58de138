import { setTimeout as sleep } from 'node:timers/promises';
import type { Sequelize } from 'sequelize';
import { withTimeout } from '../../async/with-timeout.ts';
import { DatabaseUnavailableError } from '../errors.ts';
import { query } from '../query.ts';

/** Standbys that are not behind confirm within milliseconds, unless other writers keep them busy. */
const CONFIRM_TIMEOUT_MS = 1000;
const CHECK_EVERY_MS = 20;
const TOO_LATE = 'the positions of the standbys could not be read in time';

/**
 * Resolves to true once the synchronous standbys have flushed every commit that PostgreSQL acknowledged before this call, and to
 * false if they have not within a second: there are too few, they are behind, or the owner of the schema may not read their
 * positions (pg_read_all_stats). Compares positions in the write-ahead log, so a change of the settings cannot mislead it.
 * @throws the database's error, or {DatabaseUnavailableError} if it does not respond within a second.
 */
export async function isReplicated(sequelize: Sequelize): Promise<boolean> {
  const until = performance.now() + CONFIRM_TIMEOUT_MS;
  // A query of the pool may wait longer than this.
  return withTimeout(CONFIRM_TIMEOUT_MS, confirm(sequelize, until), () => {
    throw new DatabaseUnavailableError(TOO_LATE);
  });
}

async function confirm(sequelize: Sequelize, until: number): Promise<boolean> {
  let target: string | null = null;
  do {
    if (target !== null) await sleep(CHECK_EVERY_MS);
    const found: ReachedRow | undefined = await readReached(sequelize, target);
    if (found?.reached) return true;
    target = found?.target ?? null;
  } while (performance.now() < until);
  return false;
}

interface ReachedRow {
  target: string;
  reached: boolean | null;
}

async function readReached(sequelize: Sequelize, target: string | null): Promise<ReachedRow | undefined> {
  const [row] = await query<ReachedRow>(
    sequelize,
    `SELECT t.target::text, plantao.replicated_lsn() >= t.target AS reached
     FROM (SELECT coalesce($target::pg_lsn, pg_current_wal_flush_lsn()) AS target) t`,
    { target },
  );
  return row;
}
