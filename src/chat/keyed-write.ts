import { hash } from 'node:crypto';
import { QueryTypes, type Sequelize, type Transaction } from 'sequelize';
import type { Write } from '../database/fenced-write.ts';
import { Refused } from './errors.ts';

/** The Idempotency-Key of a request that creates or notifies. */
export interface RequestKey {
  /** The user who sends the request; null if it has none. Each user has separate keys. */
  readonly userId: number | null;
  readonly key: string;
  /** The request, as JSON. Another one under the same key is refused. */
  readonly request: unknown;
}

interface Claim {
  is_new: boolean;
  is_same: boolean | null;
  stored: unknown;
}

/**
 * Runs `work` in a fenced transaction. With a key, its result (JSON) is stored in the same transaction, and a repeated request
 * returns the stored result instead of running again, on any node.
 * @throws {Refused} key_reused if the key was used for a different request; the errors of `work`, which leave the key unused.
 */
export async function keyedWrite<Result>(
  { sequelize, write }: { sequelize: Sequelize; write: Write },
  requestKey: RequestKey | null,
  work: (transaction: Transaction) => Promise<Result>,
): Promise<Result> {
  if (requestKey === null) return write(work);
  const { userId, key, request } = requestKey;
  const bind = { owner: userId ?? 0, key };
  return write(async (transaction) => {
    const [claim] = await sequelize.query<Claim>(
      "SELECT is_new, is_same, stored FROM plantao.claim_request_key($owner, $key, decode($hash, 'hex'))",
      { bind: { ...bind, hash: hash('sha256', JSON.stringify(request), 'hex') }, type: QueryTypes.SELECT, transaction },
    );
    if (!claim) throw new Error('claim_request_key returned no row');
    if (!claim.is_new) {
      if (claim.is_same !== true) {
        throw new Refused('key_reused', { sentence: 'this Idempotency-Key was used for a different request' });
      }
      return claim.stored as Result;
    }
    const result = await work(transaction);
    await sequelize.query('SELECT plantao.store_result($owner, $key, $result::jsonb)', {
      bind: { ...bind, result: JSON.stringify(result) },
      type: QueryTypes.SELECT,
      transaction,
    });
    return result;
  });
}
