import { readdir, readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { applicationName, connectionOptions } from './connection.ts';

/** Raised when the schema cannot be brought to what this version needs; the message is a sentence for the operator. */
export class MigrationError extends Error {
  override readonly name = 'MigrationError';
}

interface Migration {
  number: number;
  name: string;
  sql: string;
}

const FOLDER = fileURLToPath(new URL('../../migrations/', import.meta.url));
/** One migration may take this long; index builds on big tables do. */
const LIMIT_MS = 15 * 60_000;
/** Of two nodes that start together one waits here while the other migrates. Advisory lock (1347178068, 4). */
const LOCK = [1347178068, 4];

/**
 * Brings the schema `plantao` to the newest migration, each in a transaction of its own, under an advisory lock.
 * Answers how many were applied.
 * @throws {MigrationError} where the schema is newer than this version knows, or a migration fails (it rolls back).
 */
export async function migrate(databaseUrl: string, options: { log?: (line: string) => void } = {}): Promise<number> {
  const migrations = await readMigrations();
  const client = new pg.Client(connectionOptions(databaseUrl, applicationName('-', 'migrate'), LIMIT_MS));
  client.on('error', () => {}); // The query under way fails too, and that is what the caller is told.
  await client.connect();
  try {
    await client.query('SELECT pg_advisory_lock($1, $2)', LOCK);
    const newest = await newestApplied(client);
    refuseNewerSchema(newest, migrations);
    const missing = migrations.filter((migration) => migration.number > newest);
    for (const migration of missing) await apply(client, migration, options.log ?? (() => {}));
    return missing.length;
  } finally {
    await client.end();
  }
}

/** 0 on an empty database, which gets the schema and its list of migrations; a role that owns neither only reads. */
async function newestApplied(client: pg.Client): Promise<number> {
  const { rows } = await client.query<{ exists: boolean }>(
    "SELECT to_regclass('plantao.migrations') IS NOT NULL AS exists",
  );
  if (!rows[0]?.exists) {
    await client.query('CREATE SCHEMA IF NOT EXISTS plantao');
    await client.query(
      `CREATE TABLE plantao.migrations (
         number integer PRIMARY KEY, name text NOT NULL, applied_at timestamptz NOT NULL DEFAULT now())`,
    );
    return 0;
  }
  const newest = await client.query<{ number: number }>(
    'SELECT coalesce(max(number), 0) AS number FROM plantao.migrations',
  );
  return newest.rows[0]?.number ?? 0;
}

function refuseNewerSchema(found: number, migrations: Migration[]): void {
  const known = migrations.at(-1)?.number ?? 0;
  if (found <= known) return;
  throw new MigrationError(
    `the database has schema version ${found}, this Plantão knows only ${known}: start a newer version of the software`,
  );
}

async function apply(client: pg.Client, migration: Migration, log: (line: string) => void): Promise<void> {
  try {
    await client.query('BEGIN');
    await client.query(migration.sql);
    await client.query('INSERT INTO plantao.migrations (number, name) VALUES ($1, $2)', [
      migration.number,
      migration.name,
    ]);
    await client.query('COMMIT');
  } catch (error) {
    await client.query('ROLLBACK').catch(() => {});
    throw new MigrationError(`migration ${migration.name} failed: ${error instanceof Error ? error.message : error}`, {
      cause: error,
    });
  }
  log(`applied migration ${migration.name}`);
}

async function readMigrations(): Promise<Migration[]> {
  const files = (await readdir(FOLDER)).filter((file) => /^\d{4}_\w+\.sql$/.test(file)).sort();
  return Promise.all(
    files.map(async (file) => ({
      number: Number(file.slice(0, 4)),
      name: file.replace(/\.sql$/, ''),
      sql: await readFile(`${FOLDER}${file}`, 'utf8'),
    })),
  );
}
