import type { Queryable } from '../../database/session/reconnecting-session.ts';
import type { VerifiedJwt } from './jwt/jwt-verifier.ts';

const LIMIT_MS = 2000;

/** Milliseconds until a token expires, by the database's clock. */
const LEFT_MS = 'plantao.ms_between(clock_timestamp(), t.expires_at)';

/** AUTH=open issues tokens for a name without a password. They prove nothing, so AUTH=token does not accept them. */
const IS_PROVED = "t.proof <> 'name'";

/** Maximum number of revocations per read. If there are more, the node forgets its tokens: it must not read a million hashes at once. */
const MAX_CHANGED = 5000;

/** A token that was revoked, or whose expiry may have changed. */
interface ChangedToken {
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

/** The transactions that a read of the revocations did not see, so that the next read returns their revocations. */
export interface Unread {
  /** The first transaction number that was not assigned yet. */
  from: bigint;
  /** The transactions with lower numbers that were still running. */
  running: readonly string[];
}

/** The result of {@link readRevocations}. */
export interface Revocations {
  /** Null if there are more than a read returns. */
  changed: readonly ChangedToken[] | null;
  unread: Unread;
}

/**
 * Returns what has been revoked by the transactions that an earlier read did not see, each once: a transaction that stays open
 * for an hour must not make every read return what was revoked since. If `unread` is null, determines only where to start.
 * @throws the database's error.
 */
export async function readRevocations(session: Queryable, unread: Unread | null): Promise<Revocations> {
  const [row] = await session.query<{ from: string; running: string[]; changed: ChangedToken[] | null }>(
    {
      name: 'token_revocations',
      // A snapshot of a standby lists no running transactions.
      text: `SELECT (CASE WHEN pg_is_in_recovery() THEN pg_snapshot_xmin(now.seen) ELSE pg_snapshot_xmax(now.seen) END)::text AS from,
               ARRAY(SELECT pg_snapshot_xip(now.seen)::text) AS running,
               (SELECT json_agg(json_build_object('hash', encode(r.hash, 'hex'), 'left_ms', ${LEFT_MS}))
                FROM (SELECT hash FROM plantao.token_revocations
                      WHERE $1::xid8 IS NOT NULL AND (xid >= $1::xid8 OR xid = ANY ($2::xid8[])) LIMIT ${MAX_CHANGED + 1}) r
                LEFT JOIN plantao.tokens t ON t.hash = r.hash AND ${IS_PROVED}) AS changed
             FROM (SELECT pg_current_snapshot() AS seen) now`,
      values: [unread === null ? null : String(unread.from), unread?.running ?? []],
    },
    LIMIT_MS,
  );
  if (!row) throw new Error('PostgreSQL returned no row');
  const changed = row.changed ?? [];
  return {
    changed: changed.length > MAX_CHANGED ? null : changed,
    unread: { from: BigInt(row.from), running: row.running },
  };
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
  /** Milliseconds until the time of issue, by the database's clock, as for revocations; 0 or less for nearly every JWT. */
  early_ms: number;
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
                    OR EXISTS (SELECT FROM plantao.revoked_jwts r WHERE r.hash = decode(asked.hash, 'hex')) AS is_revoked,
                    (extract(epoch FROM to_timestamp(asked.issued_at) - clock_timestamp()) * 1000)::float8 AS early_ms
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
