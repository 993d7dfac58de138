import type pg from 'pg';
import { LEADER_LOCK } from '../../database/advisory-locks.ts';
import type { Resignation } from '../end-cause.ts';

/** The facts that plantao.leader_history records about a promotion. */
export interface Promotion {
  reason: string;
  /** How long no node has been known to be active, in milliseconds; null if this process has never known one. */
  unseenMs: number | null;
  /** The last term of this process, which alone may be promoted during a pause; null or missing if it has had none. */
  ownTerm?: number | null;
}

/** A term that PostgreSQL opened. */
export interface OpenedTerm {
  number: number;
  /** Proves the term, and the epoch that it belongs to, before each write (plantao.fencing_token). */
  token: number;
}

/** Takes the leader lock if it is free and `node` may be promoted. */
export function tryLockQuery(node: string, { ownTerm = null }: Promotion): pg.QueryConfig {
  const text = 'SELECT CASE WHEN plantao.may_lead($3, $4) THEN pg_try_advisory_lock($1, $2) ELSE false END AS taken';
  return { name: 'try', text, values: [...LEADER_LOCK, node, ownTerm] };
}

/** Reads whether a session holds the leader lock. */
export const READ_IS_TAKEN: pg.QueryConfig = { text: 'SELECT EXISTS (SELECT FROM plantao.lock_holder) AS taken' };

/** Prepares the plans of open_term in a session, and changes nothing. */
export const WARM_UP_TERM: pg.QueryConfig = { name: 'warm_up_term', text: 'SELECT plantao.warm_up_term()' };

/**
 * Sets idle_session_timeout to the lease in each statement that begins or renews it: a DBA's trigger may change the setting in
 * the session, and PostgreSQL does not report such a change.
 */
const setLease = (parameter: string) => `set_config('idle_session_timeout', ${parameter}, false)`;

/** Opens a term for `node`. */
export function openTermQuery(
  node: string,
  url: string,
  { reason, unseenMs, ownTerm = null }: Promotion,
  leaseMs: number,
): pg.QueryConfig {
  const values = [node, url, reason, unseenMs, ownTerm, String(leaseMs)];
  const text = `SELECT term, plantao.fencing_token(term) AS token, ${setLease('$6')}
                FROM plantao.open_term($1, $2, $3, $4, $5) AS term`;
  return { name: 'open', text, values };
}

/** The reply to a heartbeat. */
export interface HeartbeatReply extends pg.QueryResultRow {
  /** True while this very session holds the leader lock and the term is the open one. */
  held: boolean;
  /** Why the server does not accept writes; null if it does. */
  readOnly: string | null;
}

/** Checks the lock, the term and the server on the lock session, and renews the lease. */
export function heartbeatQuery(term: number, leaseMs: number): pg.QueryConfig {
  const text = `SELECT plantao.hold_leader_lock($1) AS held, plantao.read_only_reason() AS "readOnly", ${setLease('$2')}`;
  return { name: 'heartbeat', text, values: [term, String(leaseMs)] };
}

/** Waits for the writes under way, closes `term`, notifies the peers and frees the leader lock. */
export function closeTermQuery(term: number, { reason, handTo, cause, requester }: Resignation): pg.QueryConfig {
  const { name = null, via = null, from = null, at = null } = requester ?? {};
  const values = [term, reason, handTo, cause, name, via, from, at];
  return { text: 'SELECT plantao.close_term($1, $2, $3, $4, $5, $6, $7, $8)', values };
}
