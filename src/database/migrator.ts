import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { errorMessage } from '../error-message.ts';
import { PACKAGE_ROOT } from '../package-root.ts';
import { MIGRATION_LOCK } from './advisory-locks.ts';
import { sessionName } from './checks/blocking.ts';
import { requireSupportedServer } from './checks/server-check.ts';
import { applicationName, connectionOptions } from './session/connection.ts';
import { DatabaseSession } from './session/database-session.ts';

/** Thrown when the schema cannot be migrated to this version. The message is a sentence for the DBA. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** Options of {@link migrate}. */
export interface MigrateOptions {
  /** Called with a sentence for each step. */
  log?: (line: string) => void;
  /** How long to wait for the lock while a session that does not migrate holds it. Default: ten seconds. */
  foreignLimitMs?: number;
  /** Gives up: drops the session, so that PostgreSQL rolls back the migration under way. */
  signal?: AbortSignal;
}

/** One numbered file of `migrations/`. */
export interface Migration {
  number: number;
  name: string;
  sql: string;
}

const FOLDER = path.join(PACKAGE_ROOT, 'migrations');
/** Limit for one migration. Building an index on a big table takes minutes. */
const LIMIT_MS = 15 * 60_000;
/** The application_name of a session that migrates. */
const MIGRATING = applicationName('-', 'migrate');
/** How long to wait for a session with another name that holds the migration lock. */
const FOREIGN_LIMIT_MS = 10_000;
const LOCK_RETRY_MS = 100;
/** Limit for a statement that only reads. A longer wait means that the database does not respond. */
const READ_LIMIT_MS = 10_000;

/**
 * Every write locks the event log first. A migration that holds that lock can change several tables without a deadlock: no
 * write is under way, and posts wait until the migration is committed.
 */
const LOCK_LOG = `DO $$ BEGIN
  IF pg_catalog.to_regprocedure('plantao.lock_log()') IS NOT NULL THEN PERFORM plantao.lock_log(); END IF;
END $$`;

/** PUBLIC may execute a new function until plantao.grant_roles() runs. The first migrations come before that function exists. */
const GRANT = `DO $$ BEGIN
  IF pg_catalog.to_regprocedure('plantao.grant_roles()') IS NOT NULL THEN PERFORM plantao.grant_roles(); END IF;
END $$`;

/** On an empty database this comes before the first migration. */
const CREATE_SCHEMA = [
  'CREATE SCHEMA IF NOT EXISTS plantao',
  `CREATE TABLE IF NOT EXISTS plantao.migrations (
  number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
];

/**
 * Applies the missing migrations to the schema `plantao`, each in a transaction of its own, under an advisory lock. Nearly
 * always none is missing, and one quick query shows that. Returns how many were applied.
 * @throws {UnsupportedServerError} when the server cannot be used; {MigrationError} when the schema is newer than this version, or a
 * migration fails (it is rolled back).
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<number> {
  const migrations = await readMigrations();
  // The server's limit is shorter than ours, so that the outcome of a migration is known.
  const config = connectionOptions(databaseUrl, MIGRATING, LIMIT_MS - 1000);
  const session = await DatabaseSession.open(config, options.signal);
  const giveUp = () => session.destroy('the migrations were cancelled');
  options.signal?.addEventListener('abort', giveUp);
  try {
    await requireSupportedServer((text) => session.query({ text }, READ_LIMIT_MS));
    const before = await newestApplied(session, migrations);
    if (before === migrations.at(-1)?.number) return 0;
    await takeLock(session, options);
    const newest = await newestApplied(session, migrations);
    if (newest === 0) await createSchema(session);
    const missing = migrations.filter((migration) => migration.number > newest);
    for (const migration of missing) await apply(session, migration, options.log ?? (() => {}));
    return missing.length;
  } finally {
    options.signal?.removeEventListener('abort', giveUp);
    await session.close();
  }
}

/**
 * Returns the missing migrations and changes nothing. The `sql` of each is a script for psql: the transaction in which
 * {@link migrate} would apply it.
 * @throws as {@link migrate}.
 */
export async function planMigrations(databaseUrl: string): Promise<Migration[]> {
  const migrations = await readMigrations();
  const session = await DatabaseSession.open(connectionOptions(databaseUrl, MIGRATING, READ_LIMIT_MS));
  try {
    await requireSupportedServer((text) => session.query({ text }, READ_LIMIT_MS));
    const newest = await newestApplied(session, migrations);
    return migrations
      .filter((migration) => migration.number > newest)
      .map(({ number, name, sql }) => {
        const first = number === migrations[0]?.number ? CREATE_SCHEMA : [];
        const record = `INSERT INTO plantao.migrations (number, name) VALUES (${number}, '${name}')`;
        return {
          number,
          name,
          sql: [...first, 'BEGIN', LOCK_LOG, sql.trim(), GRANT, record, 'COMMIT'].map(ended).join('\n'),
        };
      });
  } finally {
    await session.close();
  }
}

const ended = (sql: string) => (sql.endsWith(';') ? sql : `${sql};`);

type MigrationLockHolder = Parameters<typeof sessionName>[0] & { endedBy: string };

/** The session, or the prepared transaction, that holds the migration lock. */
const READ_LOCK_HOLDER = `
  SELECT coalesce(a.application_name, p.gid) AS application, l.pid, coalesce(a.usename, p.owner) AS role, host(a.client_addr) AS client,
         CASE WHEN l.pid IS NULL THEN format('ROLLBACK PREPARED %L', p.gid)
              ELSE format('SELECT pg_terminate_backend(%s)', l.pid) END AS "endedBy"
  FROM pg_locks l
  LEFT JOIN pg_stat_activity a ON a.pid = l.pid
  -- A prepared transaction has no process. It holds a lock of its own id, too.
  LEFT JOIN pg_locks x ON l.pid IS NULL AND x.pid IS NULL AND x.locktype = 'transactionid' AND x.virtualtransaction = l.virtualtransaction
  LEFT JOIN pg_prepared_xacts p ON p.transaction = x.transactionid
  WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 2
    AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`;

/**
 * Takes the migration lock. While a session that migrates holds it, waits as long as a migration may take. Every role that may
 * connect can take this lock, so the wait for any other session is short, and the error names that session.
 */
async function takeLock(
  session: DatabaseSession,
  { log, foreignLimitMs = FOREIGN_LIMIT_MS }: MigrateOptions,
): Promise<void> {
  const startedAt = performance.now();
  for (let isLogged = false; ; await sleep(LOCK_RETRY_MS)) {
    const [row] = await session.query<{ taken: boolean }>(
      { text: 'SELECT pg_try_advisory_lock($1, $2) AS taken', values: [...MIGRATION_LOCK] },
      READ_LIMIT_MS,
    );
    if (row?.taken) return;
    const [holder] = await session.query<MigrationLockHolder & Record<string, unknown>>(
      { text: READ_LOCK_HOLDER, values: [...MIGRATION_LOCK] },
      READ_LIMIT_MS,
    );
    const isForeign = holder && holder.application !== MIGRATING;
    if (performance.now() - startedAt > (isForeign ? foreignLimitMs : LIMIT_MS)) {
      throw new MigrationError(
        holder
          ? `${sessionName(holder)} holds the migration lock: end it with ${holder.endedBy}, then start again`
          : 'the migration lock cannot be taken: other sessions hold it in turn. Start again when they have ended',
      );
    }
    if (!holder) continue;
    if (!isLogged) log?.(`waiting for ${sessionName(holder)}, which holds the migration lock`);
    isLogged = true;
  }
}

/** Returns the number of the newest migration that was applied; 0 if none was. @throws {MigrationError} if this version lacks one. */
async function newestApplied(session: DatabaseSession, migrations: readonly Migration[]): Promise<number> {
  const [list] = await session.query<{ exists: boolean }>(
    { text: "SELECT to_regclass('plantao.migrations') IS NOT NULL AS exists" },
    READ_LIMIT_MS,
  );
  if (!list?.exists) return 0;
  const applied = await session.query<{ number: number; name: string }>(
    { text: 'SELECT number, name FROM plantao.migrations ORDER BY number' },
    READ_LIMIT_MS,
  );
  const newest = applied.at(-1)?.number ?? 0;
  refuseOtherSchema(newest, applied, migrations);
  return newest;
}

async function createSchema(session: DatabaseSession): Promise<void> {
  for (const text of CREATE_SCHEMA) await session.query({ text }, READ_LIMIT_MS);
}

function refuseOtherSchema(
  newest: number,
  applied: readonly Pick<Migration, 'number' | 'name'>[],
  migrations: readonly Migration[],
): void {
  const known = migrations.at(-1)?.number ?? 0;
  if (newest > known) {
    throw new MigrationError(
      `the database has schema version ${newest}, and this version of Plantão knows only ${known}: start a newer version`,
    );
  }
  const other = applied.find(({ number, name }) =>
    migrations.some((one) => one.number === number && one.name !== name),
  );
  if (other === undefined) return;
  throw new MigrationError(
    `the database was created by another development version (its migration ${other.number} is ${other.name}), whose data this one cannot read: use an empty database, or npm run cluster -- --fresh`,
  );
}

async function apply(
  session: DatabaseSession,
  { number, name, sql }: Migration,
  log: (line: string) => void,
): Promise<void> {
  const run = (text: string, values?: unknown[]) => session.query({ text, ...(values && { values }) }, LIMIT_MS);
  try {
    await run('BEGIN');
    await run(LOCK_LOG);
    await run(sql);
    await run(GRANT);
    await run('INSERT INTO plantao.migrations (number, name) VALUES ($1, $2)', [number, name]);
    await run('COMMIT');
  } catch (error) {
    await run('ROLLBACK').catch(() => {});
    throw new MigrationError(`migration ${name} failed: ${errorMessage(error)}`, { cause: error });
  }
  log(`applied migration ${name}`);
}

async function readMigrations(): Promise<Migration[]> {
  const files = (await readdir(FOLDER)).filter((file) => /^\d{4}_\w+\.sql$/.test(file)).sort();
  return Promise.all(
    files.map(async (file) => ({
      number: Number(file.slice(0, 4)),
      name: file.replace(/\.sql$/, ''),
      sql: await readFile(path.join(FOLDER, file), 'utf8'),
    })),
  );
}
