import { SqlState } from '../database/errors.ts';

/** Why a term ended, as plantao.leader_history shows it. PostgreSQL adds the events of the server itself. */
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
  askedBy: Requester | null;
}

const CAUSES: Readonly<Record<string, EndCause>> = {
  // admin_shutdown: pg_terminate_backend(). A shutdown of the server sends the same; its next start begins an epoch.
  '57P01': 'terminated',
  '57P05': 'lease_expired',
  [SqlState.READ_ONLY]: 'read_only',
};

/** Returns the cause of the loss of a lock session that PostgreSQL ended with `state`; null if it sent no error. */
export const causeOfLoss = (state: string | null): EndCause => CAUSES[state ?? ''] ?? 'connection_lost';
