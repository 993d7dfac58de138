import type { Sequelize, Transaction } from 'sequelize';
import { SqlState, sqlState } from './errors.ts';

/** Raised instead of a write when this node is not, or no longer, on duty. Nothing was written. */
export class NotOnDutyError extends Error {
  override readonly name = 'NotOnDutyError';
  constructor() {
    super('this node is not on duty');
  }
}

/** Runs `work` in a transaction that proves the node's term first; see {@link fencedWrite}. */
export type Write = <T>(work: (transaction: Transaction) => Promise<T>) => Promise<T>;

/**
 * Makes the one way by which this node writes chat data (batched posts have their own, message-writer.ts): a managed
 * transaction whose first statement proves the term in the database and keeps the next term out until the commit.
 * @throws {NotOnDutyError} where the node has no term or the database knows that it is closed.
 */
export function fencedWrite(sequelize: Sequelize, currentTerm: () => number | null): Write {
  return async (work) => {
    const term = currentTerm();
    if (term === null) throw new NotOnDutyError();
    try {
      return await sequelize.transaction(async (transaction) => {
        await sequelize.query('SELECT plantao.assert_term($term)', { bind: { term }, transaction });
        return work(transaction);
      });
    } catch (error) {
      throw sqlState(error) === SqlState.TERM_CLOSED ? new NotOnDutyError() : error;
    }
  };
}
