/**
 * Every setting of PostgreSQL that an answer of ours depends on, with the value that it has in each of our sessions. The
 * server's configuration, ALTER DATABASE, ALTER ROLE and the URL's options may say otherwise; what a session says last
 * counts. A test sets each setting that PostgreSQL has to another value and compares all answers.
 */
import pg from 'pg';

/** Settings by name, with values as SHOW prints them (times apart, which are milliseconds without a unit). */
export type SessionSettings = Readonly<Record<string, string | number>>;

/** Sets a time limit to none. */
const NONE = 0;

/** What all sessions have. A setting that an older server does not know is left out there. */
export const SESSION_SETTINGS: SessionSettings = {
  // Who we are: the role that logged in. Another one may not end the sessions of its peers, nor own what we create.
  role: 'none',
  // Whether the triggers that write the event log run at all. Only a superuser may set it, so a session that has another
  // value is refused unless it may set it back.
  session_replication_role: 'origin',

  // How names are found. Ours have their schema; nothing of public may stand in for a built-in function.
  search_path: 'pg_catalog, pg_temp',
  restrict_nonsystem_relation_kind: '',
  row_security: 'on',

  // How values are written and read as text.
  DateStyle: 'ISO, MDY',
  IntervalStyle: 'postgres',
  TimeZone: 'UTC',
  extra_float_digits: '1',
  bytea_output: 'hex',
  client_encoding: 'UTF8',

  // How statements are read.
  standard_conforming_strings: 'on',
  backslash_quote: 'safe_encoding',
  array_nulls: 'on',
  transform_null_equals: 'off',

  // How transactions begin: the write fence and the log need snapshots that are younger than their locks.
  default_transaction_isolation: 'read committed',
  default_transaction_read_only: 'off',
  default_transaction_deferrable: 'off',

  // When PostgreSQL gives up. Each session has its own limits beside these.
  statement_timeout: NONE,
  lock_timeout: NONE,
  transaction_timeout: NONE,
  idle_in_transaction_session_timeout: NONE,
  idle_session_timeout: NONE,
  exit_on_error: 'off',

  // What the driver is told: that a commit did not wait for its standby is a warning and no error.
  client_min_messages: 'warning',

  // How tables are made, by the migrations.
  check_function_bodies: 'on',
  default_table_access_method: 'heap',

  // How statements are planned: by key. No compiling: it is on by default where PostgreSQL was built with LLVM (Debian, the
  // managed ones), the planner guesses more of a young table than it has, and compiling one statement took 230 to 460 ms.
  jit: 'off',
  plan_cache_mode: 'auto',
  enable_indexscan: 'on',
  enable_indexonlyscan: 'on',
  enable_bitmapscan: 'on',
  enable_nestloop: 'on',
  enable_seqscan: 'on',
};

/**
 * "Acknowledged means stored" ends with off, so it is made on; local, remote_write, on and remote_apply all keep it, and
 * which of them is for the operator to say.
 */
const NEVER: Readonly<Record<string, { value: string; instead: string }>> = {
  synchronous_commit: { value: 'off', instead: 'on' },
};

/** Limits that could end the very statement that pins the others, so they are sent ahead, as options of the start-up. */
const SENT_AHEAD = ['statement_timeout', 'idle_session_timeout', 'lock_timeout', 'idle_in_transaction_session_timeout'];

/** Has no meaning within one transaction of a session that is somebody else's. */
const OF_THE_SESSION = ['idle_session_timeout', 'idle_in_transaction_session_timeout', 'client_encoding'];

/** `-c name=value …` for the start-up message. A pooler refuses it and a proxy may drop it: {@link pinSession} follows. */
export function startupOptions(settings: SessionSettings): string {
  return SENT_AHEAD.map((name) => `-c ${name}=${settings[name] ?? NONE}`).join(' ');
}

/**
 * The statements that pin `settings` for the session, and answer each name with the value that it has then. They come first
 * in every session. `version` is the server's, 17 for 17.4.
 */
export function pinSession(settings: SessionSettings, version: number): string {
  return [
    // A statement of its own: it settles which operators and functions the next ones find.
    'SET search_path = pg_catalog, pg_temp',
    // It counts from the start of the transaction, this one's too.
    ...(version >= 17 ? ['SET transaction_timeout = 0'] : []),
    assignment(settings, 'false'),
    `SELECT name, current_setting(name, true) FROM (VALUES ${rows(settings)}) AS wanted (name, value)`,
  ].join(';\n');
}

/** Begins a transaction in which `settings` hold until it ends, for a session that others use between our transactions. */
export function beginPinned(settings: SessionSettings): string {
  const local = Object.fromEntries(Object.entries(settings).filter(([name]) => !OF_THE_SESSION.includes(name)));
  return [
    'BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE NOT DEFERRABLE',
    'SET LOCAL search_path = pg_catalog, pg_temp',
    assignment(local, 'true'),
  ].join(';\n');
}

/** Only what differs is set: to set what needs a privilege is refused even where nothing would change. */
function assignment(settings: SessionSettings, isLocal: string): string {
  return `SELECT set_config(name, value, ${isLocal})
    FROM (VALUES ${rows(settings)}) AS wanted (name, value)
    WHERE current_setting(name, true) <> value
    UNION ALL
    SELECT set_config(name, instead, ${isLocal})
    FROM (VALUES ${Object.entries(NEVER)
      .map(([name, { value, instead }]) => `(${[name, value, instead].map(pg.escapeLiteral).join(', ')})`)
      .join(', ')}) AS refused (name, value, instead)
    WHERE current_setting(name, true) = value`;
}

function rows(settings: SessionSettings): string {
  const pairs = Object.entries(settings).map(([name, value]) => [name, String(value)].map(pg.escapeLiteral).join(', '));
  return pairs.map((pair) => `(${pair})`).join(', ');
}

/** Names of the settings that do not hold, from what {@link pinSession} has answered. Null is one that the server lacks. */
export function unpinned(settings: SessionSettings, held: ReadonlyMap<string, string | null>): string[] {
  return Object.entries(settings)
    .filter(([name, value]) => {
      const found = held.get(name);
      if (found === null) return !MAY_BE_MISSING.includes(name);
      return found === undefined || (typeof value === 'number' ? milliseconds(found) !== value : found !== value);
    })
    .map(([name]) => name);
}

/** What came after PostgreSQL 14. */
const MAY_BE_MISSING = ['transaction_timeout', 'restrict_nonsystem_relation_kind'];

const UNITS: Record<string, number> = { ms: 1, s: 1000, min: 60_000, h: 3_600_000, d: 86_400_000 };

/** SHOW prints a time in the largest unit that it is a whole number of, and 0 without one. */
function milliseconds(text: string): number {
  const [, number = '', unit = 'ms'] = /^(\d+)(ms|s|min|h|d)?$/.exec(text) ?? [];
  return number === '' ? Number.NaN : Number(number) * (UNITS[unit] ?? Number.NaN);
}
