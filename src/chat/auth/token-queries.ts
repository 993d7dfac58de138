import type { Queryable } from '../../database/session/reconnecting-session.ts';

const LIMIT_MS = 2000;

/** How long a token lasts yet, by the database's clock. */
const LEFT_MS = 'plantao.ms_between(clock_timestamp(), t.expires_at)';

/** AUTH=open gives tokens for a bare name. They prove nothing, so AUTH=token takes them for none. */
const IS_PROVED = "t.proof <> 'name'";

/** No transaction has this number yet: nothing is found from here on. */
const NEVER = '9223372036854775807';

/** A token of which something was told. */
export interface ChangedToken {
  /** SHA-256 in hexadecimal. */
  hash: string;
  /** Milliseconds; null where there is no such token any more, or none that proves anything. */
  left_ms: number | null;
}

/** A token that is good. */
export interface GoodToken {
  hash: string;
  user_id: number;
  left_ms: number;
}

/**
 * What was revoked by transactions from number `since` on, and the number to ask from next time: of the oldest that was
 * still under way, so that none is missed. With null nothing is asked for but that number. @throws the database's error.
 */
export async function readRevocations(
  session: Queryable,
  since: bigint | null,
): Promise<{ since: bigint; changed: readonly ChangedToken[] }> {
  const [row] = await session.query<{ xmin: string; changed: ChangedToken[] | null }>(
    {
      name: 'token_revocations',
      text: `SELECT pg_snapshot_xmin(pg_current_snapshot())::text AS xmin,
               (SELECT json_agg(json_build_object('hash', encode(r.hash, 'hex'), 'left_ms', ${LEFT_MS}))
                FROM plantao.token_revocations r LEFT JOIN plantao.tokens t ON t.hash = r.hash AND ${IS_PROVED}
                WHERE r.xid >= $1::xid8) AS changed`,
      values: [String(since ?? NEVER)],
    },
    LIMIT_MS,
  );
  if (!row) throw new Error('there was no answer');
  return { since: BigInt(row.xmin), changed: row.changed ?? [] };
}

/** Those of `hashes` that are of good tokens, by hash. @throws the database's error. */
export async function lookUpTokens(session: Queryable, hashes: readonly string[]): Promise<Map<string, GoodToken>> {
  const rows = await session.query<GoodToken>(
    {
      name: 'tokens',
      text: `SELECT encode(t.hash, 'hex') AS hash, t.user_id, ${LEFT_MS} AS left_ms
             FROM unnest($1::text[]) AS asked (hash) JOIN plantao.tokens t ON t.hash = decode(asked.hash, 'hex')
             WHERE t.expires_at > clock_timestamp() AND ${IS_PROVED}`,
      values: [hashes],
    },
    LIMIT_MS,
  );
  return new Map(rows.map((row) => [row.hash, row]));
}
