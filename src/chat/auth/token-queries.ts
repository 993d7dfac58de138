import type { Queryable } from '../../database/session/reconnecting-session.ts';
import type { VerifiedJwt } from './jwt/jwt-verifier.ts';

const LIMIT_MS = 2000;

/** Milliseconds until a token expires, by the database's clock. */
const LEFT_MS = 'plantao.ms_between(clock_timestamp(), t.expires_at)';

/** AUTH=open issues tokens for a name without a password. They prove nothing, so AUTH=token does not accept them. */
const IS_PROVED = "t.proof <> 'name'";

/** Higher than any transaction number: finds no revocations. */
const NO_TRANSACTION = '9223372036854775807';

/** A token that was revoked, or whose expiry may have changed. */
export interface ChangedToken {
  /** SHA-256 in hexadecimal. */
  hash: string;
  /** Milliseconds; null if the token no longer exists, or was issued without a password. */
  left_ms: number | null;
}

/** A valid token. */
export interface ValidToken {
  hash: string;
  user_id: number;
  left_ms: number;
}

/**
 * Returns what transactions from number `since` on have revoked, and the number for the next call: that of the oldest
 * transaction still running, so that none is missed. If `since` is null, only that number is read. @throws the database's error.
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
      values: [String(since ?? NO_TRANSACTION)],
    },
    LIMIT_MS,
  );
  if (!row) throw new Error('PostgreSQL returned no row');
  return { since: BigInt(row.xmin), changed: row.changed ?? [] };
}

/** Returns the valid tokens among `hashes`, by hash. @throws the database's error. */
export async function lookUpTokens(session: Queryable, hashes: readonly string[]): Promise<Map<string, ValidToken>> {
  const rows = await session.query<ValidToken>(
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

/** The account of a JWT's user; `user_id` is null if there is none yet. */
export interface JwtIdentity {
  hash: string;
  user_id: number | null;
  is_revoked: boolean;
}

/** Returns the accounts of JWTs, by the hashes of the JWTs. @throws the database's error. */
export async function lookUpIdentities(
  session: Queryable,
  jwts: ReadonlyMap<string, VerifiedJwt>,
): Promise<Map<string, JwtIdentity>> {
  const asked = [...jwts];
  const rows = await session.query<JwtIdentity>(
    {
      name: 'identities',
      text: `SELECT asked.hash, i.user_id,
                    coalesce(to_timestamp(asked.issued_at) <= greatest(i.revoked_before, e.revoked_before), false)
                    OR EXISTS (SELECT FROM plantao.revoked_jwts r WHERE r.hash = decode(asked.hash, 'hex')) AS is_revoked
             FROM unnest($1::text[], $2::text[], $3::text[], $4::float8[], $5::text[])
               AS asked (hash, issuer, subject, issued_at, identity)
             LEFT JOIN plantao.identities i ON i.issuer = asked.issuer AND i.subject = asked.subject
             LEFT JOIN plantao.identities e ON e.issuer = 'erased' AND e.subject = asked.identity`,
      values: [
        asked.map(([hash]) => hash),
        asked.map(([, { issuer }]) => issuer),
        asked.map(([, { subject }]) => subject),
        asked.map(([, { issuedAt }]) => issuedAt),
        asked.map(([, { identity }]) => identity),
      ],
    },
    LIMIT_MS,
  );
  return new Map(rows.map((row) => [row.hash, row]));
}
