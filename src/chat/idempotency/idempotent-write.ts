import { hash } from 'node:crypto';
import type { Sequelize, Transaction } from 'sequelize';
import { query } from '../../database/query.ts';
import type { Write } from '../../database/writes/fenced-write.ts';
import { Refused } from '../errors.ts';
import { canonicalJson } from './canonical-json.ts';

/** The Idempotency-Key of a request that creates something or sends a notification. */
export interface RequestKey {
  /** The user who sends the request; null if it has none. Each user has separate keys. */
  readonly userId: number | null;
  readonly key: string;
  /** The request, as a JSON value. A different request with the same key is refused. */
  readonly request: unknown;
}

/** The result of an earlier request; `is_same` is null if there was none. */
interface Found {
  is_same: boolean | null;
  stored: unknown;
}

/**
 * Runs `work` in a fenced transaction. With a key, its result (JSON) is stored in the same transaction, and a repeated request
 * returns the stored result instead of running again, on any node. `before` runs before the transaction, but not for a repeated
 * request: it is for limits and other checks.
 * @throws {Refused} key_reused if the key was used for a different request; the errors of `before` and `work`, which leave the
 * key unused.
 */
export async function idempotentWrite<Result>(
  sequelize: Sequelize,
  write: Write,
  requestKey: RequestKey | null,
  work: (transaction: Transaction) => Promise<Result>,
  before: () => Promise<unknown> = async () => {},
): Promise<Result> {
  if (requestKey === null) {
    await before();
    return write(work);
  }
  const bind = bindOf(requestKey);
  const earlier = await findResult(sequelize, bind);
  if (earlier) return resultOf<Result>(earlier);
  try {
    await before();
  } catch (error) {
    // If two requests run at the same time, the first may have committed by now, and may be the reason for this refusal.
    const committed = await findResult(sequelize, bind).catch(() => null);
    if (committed) return resultOf<Result>(committed);
    throw error;
  }
  return write(async (transaction) => {
    const [claim] = await query<Found & { is_new: boolean }>(
      transaction,
      "SELECT is_new, is_same, stored FROM plantao.claim_request_key($owner, $key, decode($hash, 'hex'))",
      bind,
    );
    if (!claim) throw new Error('claim_request_key returned no row');
    if (!claim.is_new) return resultOf<Result>(claim);
    const result = await work(transaction);
    await query(transaction, 'SELECT plantao.store_result($owner, $key, $result::jsonb)', {
      owner: bind.owner,
      key: bind.key,
      result: JSON.stringify(result ?? null),
    });
    return result;
  });
}

/** Returns the result of an earlier request with the key; null if there was none. */
async function findResult(sequelize: Sequelize, bind: ReturnType<typeof bindOf>): Promise<Found | null> {
  const [found] = await query<Found>(
    sequelize,
    "SELECT is_same, stored FROM plantao.find_result($owner, $key, decode($hash, 'hex'))",
    bind,
  );
  return found && found.is_same !== null ? found : null;
}

function bindOf({ userId, key, request }: RequestKey) {
  return {
    owner: userId ?? 0,
    key: hash('sha256', key, 'hex'),
    hash: hash('sha256', canonicalJson(request), 'hex'),
  };
}

function resultOf<Result>({ is_same, stored }: Found): Result {
  if (is_same === true) return stored as Result;
  throw new Refused('key_reused');
}
