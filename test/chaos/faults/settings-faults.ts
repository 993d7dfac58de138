import pg from 'pg';
import type { Fault, Heal } from '../../../src/prove/faults/fault.ts';
import { terminateSessions } from '../../../src/prove/faults/session-faults.ts';
import type { Random } from '../../../src/prove/random.ts';
import { type UnusualSetting, unusualSettings } from '../../support/postgres/unusual-settings.ts';
import type { TestRig } from '../test-rig.ts';
import { asDba } from './dba.ts';
import { requireWrites } from './require-writes.ts';

/** Settings that have stopped a service; each fault sets some of them. */
const NOTORIOUS: readonly [name: string, values: readonly string[]][] = [
  ['DateStyle', ['SQL, DMY', 'German', 'Postgres, YMD']],
  ['IntervalStyle', ['sql_standard', 'iso_8601']],
  ['TimeZone', ['Asia/Kathmandu']],
  ['idle_session_timeout', ['50ms', '3s']],
  ['idle_in_transaction_session_timeout', ['50ms']],
  ['transaction_timeout', ['100ms', '300ms']],
  ['statement_timeout', ['100ms', '300ms']],
  ['lock_timeout', ['1ms']],
  ['default_transaction_read_only', ['on']],
  ['default_transaction_isolation', ['serializable', 'repeatable read']],
  ['default_transaction_deferrable', ['on']],
  ['synchronous_commit', ['off', 'remote_apply']],
  ['session_replication_role', ['replica']],
  ['search_path', ['public', 'pg_temp, public']],
  ['standard_conforming_strings', ['off']],
  ['client_encoding', ['LATIN1']],
  ['bytea_output', ['escape']],
  ['extra_float_digits', ['-15']],
];
/** Number of other settings that are changed at the same time. */
const OTHERS = 8;
/** Settings that write so much into the server's log that the disk becomes the bottleneck. */
const VERBOSE = /^(log_|debug_print|trace_|client_min_messages|wal_consistency_checking)/;

/** Returns the targets of ALTER … SET. */
function scopes(url: URL): string[] {
  const database = pg.escapeIdentifier(url.pathname.slice(1));
  const role = pg.escapeIdentifier(decodeURIComponent(url.username));
  return [`DATABASE ${database}`, `ROLE ${role}`, `ROLE ${role} IN DATABASE ${database}`];
}

async function choose(client: pg.Client, random: Random): Promise<UnusualSetting[]> {
  const chosen = new Map<string, string>();
  const all = (await unusualSettings(client)).flat().filter(({ name }) => !VERBOSE.test(name));
  for (let count = 0; count < OTHERS; count += 1) {
    const { name, value } = random.pick(all);
    chosen.set(name, value);
  }
  for (let count = random.integer(1, 4); count > 0; count -= 1) {
    const [name, values] = random.pick(NOTORIOUS);
    chosen.set(name, random.pick(values));
  }
  return [...chosen].map(([name, value]) => ({ name, value }));
}

async function change(rig: TestRig, random: Random): Promise<Heal> {
  const scope = random.pick(scopes(new URL(rig.postgres.url)));
  await asDba(rig, async (client) => {
    for (const { name, value } of await choose(client, random)) {
      const literal = name === 'search_path' ? value : pg.escapeLiteral(value);
      await client.query(`ALTER ${scope} SET ${name} = ${literal}`);
    }
  });
  // A session has the settings with which it was opened.
  await terminateSessions(rig, 'plantao:%');
  return () => asDba(rig, (client) => client.query(`ALTER ${scope} RESET ALL`)).then(() => undefined);
}

/** Faults of the settings of the database and of the nodes' role. */
export const SETTINGS_FAULTS: readonly Fault<TestRig>[] = [
  requireWrites({
    kind: 'odd settings',
    weight: 4,
    affects: ['postgres'],
    durationInLeases: [0.3, 3],
    inject: (rig, _node, random) => change(rig, random),
  }),
];
