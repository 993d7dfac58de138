import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { PACKAGE_ROOT } from '../package-root.ts';
import { MIGRATION_LOCK } from './advisory-locks.ts';
import { sessionName } from './checks/blocking.ts';
import { refuseUnfitServer } from './checks/server-check.ts';
import { messageOf } from './errors.ts';
import { applicationName, connectionOptions } from './session/connection.ts';
import { Session } from './session/session.ts';

/** Raised when the schema cannot be brought to what this version needs; the message is a sentence for the operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

/** How {@link migrate} tells what it does. */
export interface MigrateOptions {
  log?: (line: string) => void;
  /** How long a stranger's hold of the lock is waited for; default: ten seconds. */
  strangerLimitMs?: number;
}

interface Migration {
  number: number;
  name: string;
  sql: string;
}

const FOLDER = path.join(PACKAGE_ROOT, 'migrations');
/** One migration may take this long; index builds on big tables do. */
const LIMIT_MS = 15 * 60_000;
/** What a session is called that migrates. */
const MIGRATING = applicationName('-', 'migrate');
/** For a session that holds the lock of migrations and is called otherwise. */
const STRANGER_LIMIT_MS = 10_000;
const LOCK_RETRY_MS = 100;
/** A look at the list of migrations; longer means that nobody is there. */
const LOOK_LIMIT_MS = 10_000;

/**
 * Writes lock the event log first. Without them under way a migration that changes several tables waits for none that waits
 * for it; posts wait until it is committed.
 */
const LOCK_LOG = `DO $$ BEGIN
  IF pg_catalog.to_regprocedure('plantao.lock_log()') IS NOT NULL THEN PERFORM plantao.lock_log(); END IF;
END $$`;

/** What a migration has made, PUBLIC may execute, until plantao.grant_roles() says who may; the first ones come before it. */
const GRANT = `DO $$ BEGIN
  IF pg_catalog.to_regprocedure('plantao.grant_roles()') IS NOT NULL THEN PERFORM plantao.grant_roles(); END IF;
END $$`;

/**
 * Brings the schema `plantao` to the newest migration, each in a transaction of its own, under an advisory lock. Where it
 * is there already, which is nearly always, one quick look says so. Answers how many were applied.
 * @throws {UnfitServerError} where the server cannot be used; {MigrationError} where the schema is newer than this version knows, or a migration fails (it rolls back).
 */
export async function migrate(databaseUrl: string, options: MigrateOptions = {}): Promise<number> {
  const migrations = await readMigrations();
  // The server gives up first: then it is known what became of a migration.
  const config = connectionOptions(databaseUrl, MIGRATING, LIMIT_MS - 1000);
  const session = await Session.open(config);
  try {
    await refuseUnfitServer((text) => session.query({ text }, LOOK_LIMIT_MS));
    const before = await newestApplied(session);
    refuseNewerSchema(before, migrations);
    if (before === migrations.at(-1)?.number) return 0;
    await takeLock(session, options);
    const newest = await newestApplied(session);
    refuseNewerSchema(newest, migrations);
    if (newest === 0) await createSchema(session);
    const missing = migrations.filter((migration) => migration.number > newest);
    for (const migration of missing) await apply(session, migration, options.log ?? (() => {}));
    return missing.length;
  } finally {
    await session.close();
  }
}

/**
 * Waits for the lock as long as a migration may take where one that migrates holds it. Every role that may connect can hold
 * it, so another session is waited for briefly, and named.
 */
async function takeLock(session: Session, { log, strangerLimitMs = STRANGER_LIMIT_MS }: MigrateOptions): Promise<void> {
  const startedAt = performance.now();
  for (let isTold = false; ; await pause(LOCK_RETRY_MS)) {
    const [row] = await session.query<{ taken: boolean }>(
      { text: 'SELECT pg_try_advisory_lock($1, $2) AS taken', values: [...MIGRATION_LOCK] },
      LOOK_LIMIT_MS,
    );
    if (row?.taken) return;
    const [holder] = await session.query<Parameters<typeof sessionName>[0] & Record<string, unknown>>(
      {
        text: `SELECT a.application_name AS application, l.pid, a.usename AS role, host(a.client_addr) AS client
               FROM pg_locks l JOIN pg_stat_activity a USING (pid)
               WHERE l.locktype = 'advisory' AND l.granted AND l.classid = $1 AND l.objid = $2 AND l.objsubid = 2
                 AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())`,
        values: [...MIGRATION_LOCK],
      },
      LOOK_LIMIT_MS,
    );
    if (!holder) continue;
    const isMigrating = holder.application === MIGRATING;
    const limitMs = isMigrating ? LIMIT_MS : strangerLimitMs;
    if (performance.now() - startedAt > limitMs) {
      throw new MigrationError(
        `${sessionName(holder)} holds the lock under which migrations run: end it with SELECT pg_terminate_backend(${holder.pid}), then start again`,
      );
    }
    if (!isTold) log?.(`waits for ${sessionName(holder)}, which holds the lock under which migrations run`);
    isTold = true;
  }
}

/** 0 on an empty database. */
async function newestApplied(session: Session): Promise<number> {
  const [list] = await session.query<{ exists: boolean }>(
    { text: "SELECT to_regclass('plantao.migrations') IS NOT NULL AS exists" },
    LOOK_LIMIT_MS,
  );
  if (!list?.exists) return 0;
  const [newest] = await session.query<{ number: number }>(
    { text: 'SELECT coalesce(max(number), 0) AS number FROM plantao.migrations' },
    LOOK_LIMIT_MS,
  );
  return newest?.number ?? 0;
}

async function createSchema(session: Session): Promise<void> {
  await session.query({ text: 'CREATE SCHEMA IF NOT EXISTS plantao' }, LOOK_LIMIT_MS);
  await session.query(
    {
      text: `CREATE TABLE IF NOT EXISTS plantao.migrations (
               number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    },
    LOOK_LIMIT_MS,
  );
}

function refuseNewerSchema(found: number, migrations: Migration[]): void {
  const known = migrations.at(-1)?.number ?? 0;
  if (found <= known) return;
  throw new MigrationError(
    `the database has schema version ${found}, this Plantão knows only ${known}: start a newer version of the software`,
  );
}

async function apply(session: Session, { number, name, sql }: Migration, log: (line: string) => void): Promise<void> {
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
    throw new MigrationError(`migration ${name} failed: ${messageOf(error)}`, { cause: error });
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
