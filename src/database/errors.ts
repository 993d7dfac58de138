/**
 * SQLSTATEs that this project tells apart (PostgreSQL manual, appendix A; PT… are raised by our own functions).
 * The server's errors are never told apart by their text, which changes with the server's language and version.
 */
export const SqlState = {
  TERM_CLOSED: 'PT001',
  WRONG_ISOLATION: 'PT003',
  LOCK_NOT_AVAILABLE: '55P03',
  INVALID_PASSWORD: '28P01',
  UNDEFINED_TABLE: '42P01',
  QUERY_CANCELED: '57014',
  OUT_OF_MEMORY: '53200',
} as const;

/** The SQLSTATE of an error out of pg or Sequelize, or null where it carries none (a lost connection, a bug). */
export function sqlState(error: unknown): string | null {
  for (const one of causes(error) as { code?: unknown }[]) {
    if (typeof one.code === 'string' && /^[0-9A-Z]{5}$/.test(one.code)) return one.code;
  }
  return null;
}

/**
 * True if PostgreSQL refused a prepared statement before it executed anything: its result has another type than when it was
 * prepared (0A000), no statement of that name is there (26000), or another one is (42P05).
 */
export function isStalePlan(error: unknown): boolean {
  const state = sqlState(error);
  if (state === '26000' || state === '42P05') return true;
  return state === '0A000' && error instanceof Error && 'routine' in error && error.routine === 'RevalidateCachedQuery';
}

/** The constraint that an error out of pg or Sequelize names (classes 23…), or null. */
export function constraintOf(error: unknown): string | null {
  for (let at = error, depth = 0; typeof at === 'object' && at !== null && depth < 4; depth++) {
    // Sequelize's own errors have a field of this name too, without the SQLSTATE beside it.
    if ('constraint' in at && typeof at.constraint === 'string' && 'code' in at) return at.constraint;
    at = ('original' in at && at.original) || ('cause' in at && at.cause) || null;
  }
  return null;
}

/**
 * Raised where the driver's connection to the database could not be opened, was lost, or did not answer in time. The driver
 * has neither a code nor a name for most of these, so they are told from bugs where they are raised.
 */
export class DatabaseUnavailableError extends Error {
  override readonly name: string = 'DatabaseUnavailableError';
}

/**
 * Raised where a statement was committed on this server and its wait for a synchronous standby was cancelled: a failover
 * may lose it.
 */
export class NotReplicatedError extends Error {
  override readonly name = 'NotReplicatedError';
  constructor() {
    super('the commit did not wait for the synchronous standby: somebody cancelled the wait');
  }
}

/** Raised where a write may or may not be committed. The message is for the client. */
export class OutcomeUnknownError extends Error {
  override readonly name = 'OutcomeUnknownError';
}

/** The sentence of {@link OutcomeUnknownError} where PostgreSQL has committed and no standby confirms it. */
export const WAITS_FOR_STANDBY =
  'PostgreSQL waits for a synchronous standby (synchronous_standby_names), so the write may or may not survive a failover';

/** True where an error does not tell whether the commit that it ended took place. */
export function isOutcomeUnknown(error: unknown): boolean {
  const state = sqlState(error);
  // 57P…: the session was ended, perhaps after the commit.
  if (state !== null) return state.startsWith('57P');
  return isUnavailable(error) || isNotReplicated(error);
}

/** True where a {@link NotReplicatedError} is behind an error. */
export function isNotReplicated(error: unknown): boolean {
  return causes(error).some((one) => one instanceof NotReplicatedError);
}

/**
 * True where the database could not be asked or could not do it for now, so the same request may succeed later:
 * connection trouble (08…), a password that was changed under us (28…), resources (53…, disk full among them), operator
 * intervention (57…, shutdown and time-outs), locks and serialization (55P03, 40…), a read-only server (25006), and errors
 * without a SQLSTATE from the socket or pool.
 */
export function isUnavailable(error: unknown): boolean {
  // Before its SQLSTATE: a session that could not be opened has done nothing, whatever PostgreSQL says of why.
  if (causes(error).some((one) => one instanceof DatabaseUnavailableError)) return true;
  const state = sqlState(error);
  if (state !== null) return /^(08|28|53|57|40|58|55P03|25006|25P03)/.test(state);
  return causes(error).some(
    (one) => one instanceof Error && /^Sequelize(Connection|Host|AccessDenied|InvalidConnection)/.test(one.name),
  );
}

/** An error and what it wraps: Sequelize keeps the driver's as `original`. */
function causes(error: unknown): unknown[] {
  const found: unknown[] = [];
  for (let at = error; typeof at === 'object' && at !== null && found.length < 4; ) {
    found.push(at);
    at = ('original' in at && at.original) || ('cause' in at && at.cause) || null;
  }
  return found;
}

/** What an error says of the database, for whoever may ask: names no role, address or statement. */
export function reasonOf(error: unknown): string {
  const state = sqlState(error);
  const isAway = state === null ? isUnavailable(error) : /^(08|57)/.test(state);
  if (isAway) return 'the database cannot be reached, or is too slow';
  if (state === null) return 'an error that is in the log';
  if (state === '25006') return 'PostgreSQL is read-only: a standby, or default_transaction_read_only';
  if (state.startsWith('28')) return "PostgreSQL refuses this node's role or password";
  if (state.startsWith('53')) return `PostgreSQL lacks a resource: disk, memory or connections (SQLSTATE ${state})`;
  if (state === SqlState.LOCK_NOT_AVAILABLE) return 'another transaction holds a lock that is needed';
  return `PostgreSQL refuses it (SQLSTATE ${state})`;
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  if (error instanceof AggregateError && error.message === '') return error.errors.map(messageOf).join('; ');
  return error instanceof Error ? error.message : String(error);
}
