import type { Sequelize, Transaction } from 'sequelize';
import type { ToBlockedError } from '../checks/blocking.ts';
import {
  isNotReplicated,
  isOutcomeUnknown,
  OutcomeUnknownError,
  SqlState,
  sqlState,
  WAITS_FOR_STANDBY,
} from '../errors.ts';
import { endAbandoned, renewPool } from '../pool/sequelize.ts';
import { query } from '../query.ts';
import { isTakenId } from './sequences.ts';

/** Thrown when a write is attempted while this node is not active. Nothing was written. */
export class NotActiveError extends Error {
  override readonly name = 'NotActiveError';
  constructor() {
    super('this node is not active');
  }
}

/** Shortest time between two renewals of the pool for new plans. While a RULE or trigger drops rows, each write fails and would renew it. */
const RENEW_EVERY_MS = 2000;

/** Runs `work` in a transaction that proves the node's term first; see {@link fencedWrite}. */
export type Write = <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;

/** Options of {@link fencedWrite}. */
export interface FencedWriteOptions {
  toBlockedError?: ToBlockedError;
  repairSequences?(): Promise<void>;
  /** Called when PostgreSQL refused a write because the term of `token` is closed. */
  onTermRefused?(token: number): void;
}

/**
 * Creates the function through which this node writes chat data, except for batched posts (message-writer.ts). It runs
 * a managed transaction whose first statement proves the term in the database and prevents the next term from beginning before the commit.
 * A write whose id was taken, because its sequence was behind, is retried after the sequences are repaired. A write on a connection
 * with another isolation level is retried on a new connection.
 * @throws {NotActiveError} when the node has no term or the database has closed it; {OutcomeUnknownError} when the commit was
 * not confirmed; {BlockedError} when another transaction holds a lock that the write needs.
 */
export function fencedWrite(
  sequelize: Sequelize,
  fencingToken: () => number | null,
  {
    toBlockedError = async (error) => error,
    repairSequences = async () => {},
    onTermRefused = () => {},
  }: FencedWriteOptions = {},
): Write {
  let renewedAt = Number.NEGATIVE_INFINITY;
  const write: Write = async (work) => {
    const token = fencingToken();
    if (token === null) throw new NotActiveError();
    let isCommitting = false;
    try {
      return await sequelize.transaction(async (transaction) => {
        await query(transaction, 'SELECT plantao.assert_term($term)', { term: token });
        const result = await work(transaction);
        isCommitting = true;
        return result;
      });
    } catch (error) {
      // As in ReconnectingSession: the cached plans of a session drop rows even after the RULE that caused it is gone.
      const dropsRows = sqlState(error) === SqlState.ROWS_DROPPED && performance.now() - renewedAt >= RENEW_EVERY_MS;
      if (dropsRows) renewedAt = performance.now();
      if (dropsRows || sqlState(error) === SqlState.WRONG_ISOLATION) renewPool(sequelize);
      if (isCommitting && isOutcomeUnknown(error)) throw await outcomeUnknown(sequelize, error);
      if (sqlState(error) !== SqlState.TERM_CLOSED) throw await toBlockedError(error);
      onTermRefused(token);
      throw new NotActiveError();
    }
  };
  return async (work) => {
    try {
      return await write(work);
    } catch (error) {
      // A function of the database has changed default_transaction_isolation, and the pool is renewed.
      if (sqlState(error) === SqlState.WRONG_ISOLATION) return write(work);
      if (!isTakenId(error)) throw error;
      await repairSequences();
      return write(work);
    }
  };
}

async function outcomeUnknown(sequelize: Sequelize, cause: unknown): Promise<OutcomeUnknownError> {
  const waitedForStandby = isNotReplicated(cause) || (await endAbandoned(sequelize).catch(() => false));
  const sentence =
    'the database did not confirm the commit, so the change may or may not be stored: check, then try again';
  return new OutcomeUnknownError(waitedForStandby ? WAITS_FOR_STANDBY : sentence, { cause });
}
