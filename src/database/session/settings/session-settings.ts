/**
 * The settings of PostgreSQL that affect a reply of the node, with their values in each of our sessions. The server's
 * configuration, ALTER DATABASE, ALTER ROLE and the URL's options may have another value; the session's own value wins. A test
 * changes each setting of PostgreSQL and compares all replies.
 */
import pg from 'pg';
import { DatabaseUnavailableError } from '../../errors.ts';

/** Settings by name, with values as SHOW prints them, except times: those are numbers of milliseconds. */
export type SessionSettings = Readonly<Record<string, string | number>>;

/** Thrown where a session does not accept a setting that the node depends on. The message names the settings. */
export class SessionSettingsError extends DatabaseUnavailableError {
  override readonly name = 'SessionSettingsError';
}

/** Sets a time limit to none. */
const NONE = 0;

/** The settings of all sessions. A setting that an older server does not know is left out. */
export const SESSION_SETTINGS: SessionSettings = {
  // The role that logged in. Another role might lack the right to terminate its peers' sessions, and would own what we create.
  role: 'none',
  // With another value the triggers that write the event log do not run. Only a superuser may set it, so a session with
  // another value is refused unless it may set it back.
  session_replication_role: 'origin',

  // Name resolution. Our own names are qualified; nothing in public may replace a built-in function.
  search_path: 'pg_catalog, pg_temp',
  restrict_nonsystem_relation_kind: '',

  // Where a policy would hide rows from the nodes, PostgreSQL raises an error instead: a reply must not lack rows silently.
  row_security: 'off',

  // Text formats of values.
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  client_encoding: 'UTF8',

  // Parsing of statements.
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  array_nulls: 'on',
  transform_null_equals: 'off',

  // Defaults of transactions: the write fence and the log need snapshots that are newer than their locks.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',

  // Timeouts. Each session has its own limits beside these.
  statement_timeout: NONE,
  lock_timeout: NONE,
  transaction_timeout: NONE,
  idle_in_transaction_session_timeout: NONE,
  idle_session_timeout: NONE,
  exit_on_error: 'off',

  // Notices: a commit that did not wait for its standby is reported by a warning, not by an error.
  client_min_messages: 'warning',

  // Defaults of the objects that migrations create.
  check_function_bodies: 'on',
  default_table_access_method: 'heap',

  // Planning: indexes may be used, and JIT is off. JIT is on by default where PostgreSQL was built with LLVM (Debian, managed services). The
  // planner overestimates the rows of a new table, and then compiling one statement took 230 to 460 ms.
  jit: 'off',
  plan_cache_mode: 'auto',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_bitmapscan: 'on',
  enable_nestloop: 'on',
  enable_seqscan: 'on',
};

/**
 * With synchronous_commit = off an acknowledged message may be lost, so it is changed to on. The DBA chooses among the
 * other values (local, remote_write, on, remote_apply), even while sessions are open: plantao.assert_term() then refuses writes while it is off.
 */
const UNSAFE_VALUES: Readonly<Record<string, { value: string; instead: string }>> = {
  synchronous_commit: { value: 'off', instead: 'on' },
};

/**
 * With less memory even small results, such as pg_settings, go to temporary files, which temp_file_limit may forbid. A DBA
 * may choose more than this, PostgreSQL's default.
 */
const MIN_WORK_MEM = '4MB';

/**
 * The settings that could end the statement that pins all others. They are sent before it, in the start-up message: the limits, and the
 * isolation level, because a standby of PostgreSQL refuses every statement of a serializable transaction.
 */
const STARTUP_SETTINGS = [
  'statement_timeout',
  'idle_session_timeout',
  'lock_timeout',
  'idle_in_transaction_session_timeout',
  'default_transaction_isolation',
];

/** Settings without a meaning inside one transaction of a shared session. */
const SESSION_ONLY = ['idle_session_timeout', 'idle_in_transaction_session_timeout', 'client_encoding'];

/** Returns `-c name=value …` for the start-up message. A proxy may drop it, so {@link pinSession} follows. */
export function startupOptions(settings: SessionSettings): string {
  // PostgreSQL splits the options at spaces.
  return STARTUP_SETTINGS.map((name) => `-c ${name}=${String(settings[name] ?? NONE).replace(' ', '\\ ')}`).join(' ');
}

/**
 * Returns the statements that pin `settings` for the session and then return each name with its value. They come first in
 * every session. `version` is the server's, 17 for 17.4.
 */
export function pinSession(settings: SessionSettings, version: number): string {
  return [
    // A separate statement: it determines which operators and functions the next ones find.
    'SET search_path = pg_catalog, pg_temp',
    // This limit counts from the start of the transaction, including this one.
    ...(version >= 17 ? ['SET transaction_timeout = 0'] : []),
    assignment(settings, { isLocal: false, condition: MAY_SET }),
    `SELECT name, current_setting(name, true) FROM (VALUES ${rows(settings)}) AS wanted (name, value)`,
  ].join(';\n');
}

/** Returns a statement that sets these settings for the session. */
export function setSettings(settings: SessionSettings): string {
  return `SELECT set_config(name, value, false) FROM (VALUES ${rows(settings)}) AS wanted (name, value)`;
}

/** Returns the statements that begin a transaction with `settings` in force until it ends, for a shared session. */
export function beginPinned(settings: SessionSettings): string {
  const local = Object.fromEntries(Object.entries(settings).filter(([name]) => !SESSION_ONLY.includes(name)));
  return [
    'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE',
    'SET LOCAL search_path = pg_catalog, pg_temp',
    assignment(local, { isLocal: true, condition: DIFFERS }),
  ].join(';\n');
}

const DIFFERS = 'current_setting(name, true) <> value';

/**
 * Also sets values that are already in force by default, because a configuration reload changes defaults in open sessions. PostgreSQL
 * refuses to set a privileged setting even to its current value, so that one is skipped.
 */
const MAY_SET = `current_setting(name, true) IS NOT NULL
  AND (name <> 'session_replication_role' OR ${DIFFERS} OR current_setting('is_superuser') = 'on')`;

/** Returns a statement that sets the settings that meet a condition. */
function assignment(
  settings: SessionSettings,
  { isLocal, condition }: { isLocal: boolean; condition: string },
): string {
  return `SELECT set_config(name, value, ${isLocal})
    FROM (VALUES ${rows(settings)}) AS wanted (name, value)
    WHERE ${condition}
    UNION ALL
    SELECT set_config(name, instead, ${isLocal})
    FROM (VALUES ${Object.entries(UNSAFE_VALUES)
      .map(([name, { value, instead }]) => `(${[name, value, instead].map(pg.escapeLiteral).join(', ')})`)
      .join(', ')}) AS refused (name, value, instead)
    WHERE current_setting(name, true) = value
    UNION ALL
    SELECT set_config('work_mem', '${MIN_WORK_MEM}', ${isLocal})
    WHERE pg_size_bytes(current_setting('work_mem')) < pg_size_bytes('${MIN_WORK_MEM}')`;
}

function rows(settings: SessionSettings): string {
  const pairs = Object.entries(settings).map(([name, value]) => [name, String(value)].map(pg.escapeLiteral).join(', '));
  return pairs.map((pair) => `(${pair})`).join(', ');
}

/**
 * Returns the names of the settings that are not in force. `held` has the values that {@link pinSession} returned: null for a
 * setting that the server lacks.
 */
export function unpinned(settings: SessionSettings, held: ReadonlyMap<string, string | null>): string[] {
  return Object.entries(settings)
    .filter(([name, value]) => {
      const found = held.get(name);
      if (found === null) return !OPTIONAL_SETTINGS.includes(name);
      return found === undefined || (typeof value === 'number' ? milliseconds(found) !== value : found !== value);
    })
    .map(([name]) => name);
}

/** Settings that PostgreSQL 14 lacks. */
const OPTIONAL_SETTINGS = ['transaction_timeout', 'restrict_nonsystem_relation_kind'];

const UNITS: Record<string, number> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** Parses a time as SHOW prints it: in the largest unit of which it is a multiple; 0 has no unit. */
function milliseconds(text: string): number {
  const [, number = '', unit = 'ms'] = /^(\d+)(ms|s|min|h|d)?$/.exec(text) ?? [];
  return number === '' ? Number.NaN : Number(number) * (UNITS[unit] ?? Number.NaN);
}
