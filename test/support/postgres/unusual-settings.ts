import type pg from 'pg';

/** One setting with a value that it does not have by default. */
export interface UnusualSetting {
  name: string;
  value: string;
}

/** The settings that are left out, each with the reason: it cannot be set for a database, or makes the database unusable. */
const LEFT_OUT: Record<string, string> = {
  local_preload_libraries: 'names a library that does not exist, so that no connection is possible',
  session_preload_libraries: 'names a library that does not exist, so that no connection is possible',
  dynamic_library_path: 'hides plpgsql',
  session_authorization: 'cannot be set for a database',
  transaction_isolation: 'belongs to one transaction',
  transaction_read_only: 'belongs to one transaction',
  transaction_deferrable: 'belongs to one transaction',
  seed: 'can only be set, and not kept',
  max_stack_depth: 'at its minimum no function can be compiled',
  default_table_access_method: 'there is none but heap',
  default_tablespace: 'there is none but the default',
  temp_tablespaces: 'there is none but the default',
  backtrace_functions: 'is about the log of the server',
  role: 'is a test of its own',
  application_name: 'is sent by each client',
};

/** Values of text settings; a setting that is neither here nor left out fails the test, so that a new one is considered. */
const TEXTS: Record<string, string[]> = {
  DateStyle: ['SQL, DMY', 'German', 'Postgres, YMD'],
  TimeZone: ['Asia/Kathmandu', 'America/St_Johns'],
  timezone_abbreviations: ['India'],
  client_encoding: ['LATIN1', 'SQL_ASCII'],
  search_path: ['public, pg_catalog', 'pg_temp'],
  default_text_search_config: ['pg_catalog.portuguese'],
  lc_messages: ['C'],
  lc_monetary: ['C'],
  lc_numeric: ['C'],
  lc_time: ['C'],
  createrole_self_grant: ['set'],
  restrict_nonsystem_relation_kind: ['view, foreign-table'],
  wal_consistency_checking: ['heap'],
  'plpgsql.extra_errors': ['all'],
  'plpgsql.extra_warnings': ['all'],
  extension_control_path: ['/nowhere'],
  // Debian's own.
  extension_destdir: ['/nowhere'],
};

interface Row extends pg.QueryResultRow {
  name: string;
  vartype: 'bool' | 'enum' | 'integer' | 'real' | 'string';
  setting: string;
  unit: string | null;
  min: string | null;
  values: string[] | null;
}

/** Returns all settings that may be set for a database, in rounds. In each round, a setting has one value at most. */
export async function unusualSettings(client: pg.Client): Promise<UnusualSetting[][]> {
  // plpgsql adds its own settings when it is loaded.
  await client.query('DO $$ BEGIN END $$');
  const { rows } = await client.query<Row>(
    `SELECT name, vartype, setting, unit, min_val AS min, enumvals AS values FROM pg_settings
     WHERE context IN ('user', 'superuser') ORDER BY name`,
  );
  const rounds: UnusualSetting[][] = [];
  for (const row of rows) {
    if (row.name in LEFT_OUT) continue;
    for (const [index, value] of valuesOf(row).entries()) {
      rounds[index] ??= [];
      rounds[index].push({ name: row.name, value });
    }
  }
  return rounds;
}

function valuesOf({ name, vartype, setting, unit, min, values }: Row): string[] {
  if (vartype === 'bool') return [setting === 'on' ? 'off' : 'on'];
  if (vartype === 'enum') {
    const others = (values ?? []).filter((value) => value !== setting);
    // Of the many similar levels of messages, the two extremes.
    return others.includes('debug5') ? [others[0] ?? '', others.at(-1) ?? ''] : others;
  }
  if (vartype === 'string') {
    const texts = TEXTS[name];
    if (texts === undefined)
      throw new Error(`no unusual value is known for the setting ${name}: give it one, or a reason`);
    return texts;
  }
  // Long enough to start a statement, so that the session can set another limit.
  if (unit === 'ms' && /_timeout$/.test(name)) return ['300ms'];
  return [min ?? '0'];
}
