import pg from 'pg';
import type { TestRig } from '../test-rig.ts';

/** The application_name of the sessions below. */
export const DBA_NAME = 'chaos-dba';

/** Options of these sessions, which can heal every setting that other faults have changed for the database or the role. */
const OPTIONS = [
  'default_transaction_read_only=off',
  'default_transaction_isolation=read\\ committed',
  'session_replication_role=origin',
  'synchronous_commit=local',
  'search_path=pg_catalog',
  ...['statement_timeout', 'lock_timeout', 'transaction_timeout', 'idle_session_timeout'].map((name) => `${name}=0`),
  'idle_in_transaction_session_timeout=0',
  'standard_conforming_strings=on',
  'role=none',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** Opens a session of a superuser, as psql does; in another database of the server if one is named. */
export async function openDba(rig: TestRig, database?: string): Promise<pg.Client> {
  const url = new URL(rig.postgres.url);
  if (database !== undefined) url.pathname = `/${database}`;
  const client = new pg.Client({
    connectionString: url.href,
    application_name: DBA_NAME,
    options: OPTIONS,
    connectionTimeoutMillis: 10_000,
  });
  // A later fault may restart the server; the next statement reports it.
  client.on('error', () => undefined);
  await client.connect();
  return client;
}

/** Runs `work`, which prepares a session that a fault keeps. If it fails, closes the session, because the fault has no heal then. */
export async function closingOnFailure<T>(client: pg.Client, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    await client.end().catch(() => undefined);
    throw error;
  }
}

/** Runs `work` in a session of {@link openDba} and closes it. */
export async function asDba<T>(rig: TestRig, work: (client: pg.Client) => Promise<T>): Promise<T> {
  const client = await openDba(rig);
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** A group of the run and one of its members. */
export interface GroupOfRun {
  group: number;
  sender: number;
}

/** Returns the groups of the run that readers read, in ascending order. */
export async function groupsOfRun(client: pg.Client): Promise<GroupOfRun[]> {
  const { rows } = await client.query<{ group: string; sender: string }>(
    `SELECT id AS group, creator_id AS sender FROM plantao.groups WHERE name ~ '^chaos-[0-9]+$' ORDER BY id`,
  );
  return rows.map(({ group, sender }) => ({ group: Number(group), sender: Number(sender) }));
}

/** A message that is written in SQL, and that every reader of its group must receive if it is committed. */
export interface WrittenMessage {
  value: string;
  group: number;
}

/** Records messages in the history before they are written: posts whose outcome nothing reports. */
export function recordWritten(rig: TestRig, messages: readonly WrittenMessage[]): void {
  for (const { value, group } of messages) {
    const line = {
      op: 'post',
      process: `dba ${value.slice(0, 40)}`,
      node: null,
      term: null,
      value,
      group,
      key: null,
    } as const;
    rig.history.record({ ...line, type: 'invoke' });
    rig.history.record({ ...line, type: 'unknown', reason: 'written in SQL' });
  }
}

/** Removes what the observer's trigger has recorded of this transaction: the run checks which nodes wrote in a term. */
export async function forgetWriter(client: pg.Client): Promise<void> {
  await client.query('DELETE FROM plantao_prove.stored WHERE application = $1', [DBA_NAME]);
}
