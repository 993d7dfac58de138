import { constants } from 'node:os';
import { DATABASE_UNREACHABLE } from '../database-unreachable.ts';

/**
 * SQLSTATEs that this project distinguishes (PostgreSQL manual, appendix A; our own functions raise PT…). The text of an error
 * is never compared: it depends on the server's language and version.
 */
export const SqlState = {
  TERM_CLOSED: 'PT001',
  ROWS_DROPPED: '09000',
  WRONG_ISOLATION: 'PT003',
  LOCK_NOT_AVAILABLE: '55P03',
  INVALID_PASSWORD: '28P01',
  UNDEFINED_TABLE: '42P01',
  UNDEFINED_FUNCTION: '42883',
  UNDEFINED_COLUMN: '42703',
  UNDEFINED_SCHEMA: '3F000',
  INSUFFICIENT_PRIVILEGE: '42501',
  UNDEFINED_DATABASE: '3D000',
  INVALID_PARAMETER: '22023',
  DISK_FULL: '53100',
  SEQUENCE_EXHAUSTED: '2200H',
  FOREIGN_KEY_VIOLATION: '23503',
  QUERY_CANCELED: '57014',
  OUT_OF_MEMORY: '53200',
  TOO_MANY_CONNECTIONS: '53300',
  READ_ONLY: '25006',
} as const;

/** Returns the SQLSTATE of an error of pg or Sequelize, or null if it has none (a lost connection, a bug). */
export function sqlState(error: unknown): string | null {
  for (const one of causes(error) as { code?: unknown }[]) {
    // EPIPE and EPERM are codes of the system.
    if (typeof one.code === 'string' && /^[0-9A-Z]{5}$/.test(one.code) && !(one.code in constants.errno))
      return one.code;
  }
  return null;
}

/**
 * Returns true if PostgreSQL refused a prepared statement before it executed anything: its result type has changed since it
 * was prepared (0A000), no statement has that name (26000), or another one has it (42P05).
 */
export function isStalePlan(error: unknown): boolean {
  const state = sqlState(error);
  if (state === '26000' || state === '42P05') return true;
  return state === '0A000' && error instanceof Error && 'routine' in error && error.routine === 'RevalidateCachedQuery';
}

const refusedOpenings = new WeakSet<object>();

/** Notes that PostgreSQL refused to open a session with this error, unless its SQLSTATE says that already. */
export function markRefusedOpening(error: object): void {
  if (!isUnavailable(error)) refusedOpenings.add(error);
}

/**
 * Returns true if PostgreSQL refuses to open sessions until a DBA acts: the database accepts none, or its login trigger fails, with
 * any SQLSTATE. No statement was sent, so the error says nothing about the rows or the request that needed the session.
 */
export function isRefusedOpening(error: unknown): boolean {
  return causes(error).some((one) => refusedOpenings.has(one as object));
}

/** Returns the constraint that an error of pg or Sequelize names (classes 23…), or null. */
export function constraintOf(error: unknown): string | null {
  return fieldOf(error, 'constraint');
}

/** Returns the table that an error of pg or Sequelize names (classes 23…), without its schema, or null. */
export function tableOf(error: unknown): string | null {
  return fieldOf(error, 'table');
}

function fieldOf(error: unknown, field: 'constraint' | 'table'): string | null {
  if (isRefusedOpening(error)) return null;
  // Sequelize's own errors have a field of this name too, but no SQLSTATE beside it.
  const named = (causes(error) as { constraint?: unknown; table?: unknown }[]).find(
    (one) => typeof one[field] === 'string' && 'code' in one,
  );
  return (named?.[field] as string | undefined) ?? null;
}

/**
 * Thrown when a connection to the database cannot be opened, is lost, or does not reply in time. The driver has neither a code
 * nor a name for most of these errors, so they are given this type where they occur.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name: string = 'DatabaseUnavailableError';
}

/**
 * Thrown when a statement was committed on this server and its wait for a synchronous standby was cancelled: a failover may
 * lose it.
 */
export class NotReplicatedError extends Error {
  override readonly name = 'NotReplicatedError';
  constructor() {
    super('the commit did not wait for the synchronous standby: the wait was cancelled');
  }
}

/** Thrown when a write may or may not be committed. The message is for the client. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError';
}

/** The message of {@link OutcomeUnknownError} when PostgreSQL has committed and no standby confirms it. */
export const WAITS_FOR_STANDBY =
  'PostgreSQL waits for a synchronous standby (synchronous_standby_names), so the write may or may not survive a failover';

const OF_LOST_SESSION = /^(08|57P|58)/;

/**
 * Returns true if a PL/pgSQL function raised the error (RAISE), such as a DBA's trigger. The function chose the SQLSTATE, and
 * the transaction has rolled back.
 */
export function isRaised(error: unknown): boolean {
  return causes(error).some((one) => (one as { routine?: unknown }).routine === 'exec_stmt_raise');
}

/** Returns true if it is unknown whether the commit that failed with `error` took place. */
export function isOutcomeUnknown(error: unknown): boolean {
  const state = sqlState(error);
  // The session ended, perhaps after the commit: by PostgreSQL (57P…), by a panic while it wrote (58…), or behind a pooler (08…).
  if (state !== null) return OF_LOST_SESSION.test(state) && !isRaised(error);
  return isUnavailable(error) || isNotReplicated(error);
}

/** Returns true if a {@link NotReplicatedError} is among the causes of `error`. */
export function isNotReplicated(error: unknown): boolean {
  return causes(error).some((one) => one instanceof NotReplicatedError);
}

/**
 * Returns true if the database is unavailable for now, so that the same request may succeed later: connection errors (08…), a
 * password that was changed or a database that was renamed while the node runs (28…, 3D…), resources (53…, including a full disk), operator intervention (57…,
 * including shutdown and timeouts), locks and serialization (55P03, 40…), a read-only server (25006), and errors without a
 * SQLSTATE from the socket or pool.
 */
export function isUnavailable(error: unknown): boolean {
  // Checked before the SQLSTATE: a session that could not be opened has changed nothing, for any reason.
  if (isRefusedOpening(error) || causes(error).some((one) => one instanceof DatabaseUnavailableError)) return true;
  const state = sqlState(error);
  if (state !== null && OF_LOST_SESSION.test(state)) return !isRaised(error);
  if (state !== null) return /^(28|3D|53|57|40|55P03|25006|25P03)/.test(state);
  return causes(error).some(
    (one) => one instanceof Error && /^Sequelize(Connection|Host|AccessDenied|InvalidConnection)/.test(one.name),
  );
}

/**
 * Returns true if PostgreSQL refuses what this program needs until a DBA acts: a privilege was revoked (42501), an object
 * was dropped or renamed (42…, 3F000), a DBA's trigger or constraint refuses it (with any SQLSTATE), a sequence or a
 * number has reached its end (2200H, 22003), a publication covers a table without a replica identity (55000), data or an index
 * is damaged (XX…). The transaction has rolled back. Our own functions raise PT00… for errors that no DBA has caused.
 */
export function isRefusedByDatabase(error: unknown): boolean {
  const state = sqlState(error);
  return state !== null && !/^PT00\d$/.test(state) && !isUnavailable(error);
}

/** Returns true if PostgreSQL has rolled back a transaction because of another transaction, or cancelled a statement (40…, 57014). */
export function isCancelled(error: unknown): boolean {
  return /^(40|57014)/.test(sqlState(error) ?? '');
}

/** Returns an error and its first causes. Sequelize keeps the driver's error as `original`. */
export function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  for (let at = error; typeof at === 'object' && at !== null && found.length < 4; ) {
    found.push(at);
    at = ('original' in at && at.original) || ('cause' in at && at.cause) || null;
  }
  return found;
}

/** Returns why the database cannot be used, in words that anyone may read: without role, address or statement. */
export function reasonOf(error: unknown): string {
  const state = sqlState(error);
  if (state === SqlState.QUERY_CANCELED)
    return 'a statement took too long: PostgreSQL is too slow, or another transaction holds a lock that it needs';
  const isUnreachable = state === null ? isUnavailable(error) : /^(08|57)/.test(state) && !isRaised(error);
  if (isUnreachable) return DATABASE_UNREACHABLE;
  if (state === null) return "an unexpected error: see the node's log";
  if (state === SqlState.READ_ONLY) return 'PostgreSQL is read-only: a standby, or default_transaction_read_only';
  if (state.startsWith('28')) return "PostgreSQL refuses this node's role or password";
  if (state.startsWith('3D')) return 'the database does not exist: it was renamed or dropped';
  if (state === SqlState.DISK_FULL)
    return 'the disk of PostgreSQL is full (SQLSTATE 53100): free space on it, or enlarge it';
  if (state === SqlState.OUT_OF_MEMORY) return 'PostgreSQL is out of memory (SQLSTATE 53200)';
  if (state === SqlState.TOO_MANY_CONNECTIONS) return 'all connections of PostgreSQL are taken (SQLSTATE 53300)';
  if (state.startsWith('53')) return `PostgreSQL lacks a resource: disk, memory or connections (SQLSTATE ${state})`;
  if (isRefusedOpening(error)) return `PostgreSQL opens no session for this node (SQLSTATE ${state})`;
  if (state === SqlState.INSUFFICIENT_PRIVILEGE && !isRaised(error))
    return "this node's role lacks a privilege (SQLSTATE 42501): GRANT it; PostgreSQL's own log names the object";
  if (state === SqlState.LOCK_NOT_AVAILABLE) return 'another transaction holds a lock that is needed';
  return `PostgreSQL refuses it (SQLSTATE ${state})`;
}

/** What clients are told when the database replied but is unavailable. They can only wait, so no text names a remedy. */
const CLIENT_REASONS: Readonly<Record<string, string>> = {
  [SqlState.DISK_FULL]: "the database's disk is full",
  [SqlState.OUT_OF_MEMORY]: 'the database is out of memory',
  [SqlState.TOO_MANY_CONNECTIONS]: 'all connections of the database are taken',
  [SqlState.READ_ONLY]: 'the database accepts no writes now',
};

/** Returns why a request failed with an error that {@link isUnavailable}. The text is for clients: it names no setting, role or statement. */
export function unavailabilityOf(error: unknown): string {
  if (isCancelled(error)) return 'the database cancelled the request';
  return CLIENT_REASONS[sqlState(error) ?? ''] ?? 'the database cannot be reached or is too busy now';
}
