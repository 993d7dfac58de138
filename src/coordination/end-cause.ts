import { causes, SqlState, sqlState } from '../database/errors.ts';
import { LateReplyError } from '../database/session/database-session.ts';

/** Why a term ended, as plantao.leader_history shows it. The view adds causes for failovers, crashes and restarts of PostgreSQL itself. */
export type EndCause =
  | 'switchover'
  | 'fall'
  | 'stop'
  | 'cannot_write'
  | 'read_only'
  | 'terminated'
  | 'lease_expired'
  | 'lock_released'
  | 'connection_lost'
  | 'no_reply'
  | 'blocked'
  | 'node_stalled';

/** The requester of a switchover, as plantao.switchover_history shows it. */
export interface Requester {
  /** A database role, or an HTTP client. */
  name: string;
  via: 'HTTP' | 'SQL' | 'command line' | 'preferred node';
  /** The address; null for a Unix socket. */
  from: string | null;
  at: Date;
}

/** The reason, successor and requester of a resignation. */
export interface Resignation {
  /** A text for leader_history and the log. */
  reason: string;
  cause: EndCause;
  /** The successor that a switchover names; null for any. */
  handTo: string | null;
  /** The requester; null if the node itself decided. */
  requester: Requester | null;
}

const CAUSES: Readonly<Record<string, EndCause>> = {
  // admin_shutdown: pg_terminate_backend(). A shutdown of the server sends the same; the view tells them apart, because the next start begins an epoch.
  '57P01': 'terminated',
  '57P05': 'lease_expired',
  [SqlState.READ_ONLY]: 'read_only',
  [SqlState.LOCK_NOT_AVAILABLE]: 'blocked',
  // statement_timeout: the server was too slow, or the statement waited for something other than a lock.
  [SqlState.QUERY_CANCELED]: 'no_reply',
};

/** Returns why a lock session was lost: by the SQLSTATE of PostgreSQL's error or, without one, by the kind of the error. */
export function causeOfLoss(error: unknown): EndCause {
  const known = CAUSES[sqlState(error) ?? ''];
  if (known !== undefined) return known;
  return causes(error).some((one) => one instanceof LateReplyError) ? 'no_reply' : 'connection_lost';
}
