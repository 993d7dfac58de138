import { randomBytes } from 'node:crypto';
import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import pg from 'pg';
import { migrate } from '../../../src/database/migrator.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/local-cluster/embedded/embedded-postgres.ts';
import { oncePerProcess } from '../run/once-per-process.ts';

/*
 * The one PostgreSQL of a test run: the server of DATABASE_URL if that is set, else an embedded one with its data in the
 * system's temp folder. In a serial run it starts with the first database, so tests without one do not wait for it. In a
 * parallel run the main process starts it before the workers, which find it through an environment variable; each worker
 * has its own run name, so that its leak check sees its own sessions only.
 */

/** One client session on a database of this run. */
export interface Session {
  pid: number;
  application: string;
  database: string;
}

/** One advisory lock held on a database of this run. */
export interface AdvisoryLock {
  pid: number;
  key: string;
  session: Session;
}

/** The result of {@link testServer}. */
export interface TestServer {
  /** Part of the names of this run's databases (`plantao_test_<run>_…`) and session (`plantao-test:<run>`). */
  run: string;
  adminUrl: string;
  /** Runs one statement on the run's own session; concurrent ones wait for each other. */
  admin: <Row extends pg.QueryResultRow>(sql: string, values?: unknown[]) => Promise<Row[]>;
  client: pg.Client;
  template: string;
  /** Null if another process stops the server: it is DATABASE_URL's, or that of the main process. */
  embedded: EmbeddedPostgres | null;
  folder: string | null;
}

/** The access of a parallel run's workers to the server of the main process. */
interface SharedServer {
  adminUrl: string;
  template: string;
}

const SHARED = 'PLANTAO_TEST_SHARED_SERVER';

const state = oncePerProcess('server', () => ({
  starting: null as Promise<TestServer> | null,
  started: null as TestServer | null,
  databases: 0,
  /** Drop the databases of the current file. */
  drops: [] as (() => Promise<void>)[],
}));

/** Returns the server of this run, and starts it if necessary. */
export async function testServer(): Promise<TestServer> {
  state.starting ??= start();
  state.started = await state.starting;
  return state.started;
}

/** Returns a name for the run's next database. */
export function nextDatabaseName(run: string): string {
  state.databases += 1;
  return `plantao_test_${run}_${state.databases}`;
}

/**
 * Drops a database after the last hook of its file and the check that nothing was left behind. If the drop were a hook itself, it
 * could run before the hook that stops a node on the database.
 */
export function dropAfterFile(database: { drop(): Promise<void> }): void {
  state.drops.push(() => database.drop());
}

/** Drops the databases of the file that has ended. */
export async function dropDatabasesOfFile(): Promise<void> {
  for (const drop of state.drops.splice(0)) await drop();
}

/** Returns the pid of this run's embedded server; null if there is none. */
export function serverPid(): number | null {
  return state.started?.embedded?.pid ?? null;
}

/**
 * Flags of the shared embedded server. fsync is off: its tests check what is committed, visible and notified, not whether
 * a disk keeps it. Tests of durability and crashes start a server of their own, with fsync on.
 */
const FLAGS = ['-c', 'fsync=off', '-c', 'full_page_writes=off', '-c', 'max_connections=200'];

/** Starts the server in the main process of a parallel run and announces it to the workers. */
export async function shareTestServer(): Promise<void> {
  const { adminUrl, template } = await testServer();
  process.env[SHARED] = JSON.stringify({ adminUrl, template } satisfies SharedServer);
}

function sharedServer(): SharedServer | null {
  const shared = process.env[SHARED];
  return shared === undefined ? null : JSON.parse(shared);
}

async function start(): Promise<TestServer> {
  const run = randomBytes(4).toString('hex');
  const shared = sharedServer();
  if (shared !== null) {
    const { client, admin } = await connect(shared.adminUrl, run);
    return { run, client, admin, ...shared, embedded: null, folder: null };
  }
  const given = process.env.DATABASE_URL?.trim() || undefined;
  const folder = given ? null : await makeServerFolder();
  const embedded = folder ? await startEmbeddedPostgres({ dataFolder: folder, flags: FLAGS }) : null;
  const adminUrl = given ?? embedded?.url ?? '';
  const { client, admin } = await connect(adminUrl, run);
  const template = `plantao_test_${run}_template`;
  await dropLeftovers(admin);
  await admin(`CREATE DATABASE ${template}`);
  await migrate(withDatabase(adminUrl, template));
  return { run, adminUrl, admin, client, embedded, folder, template };
}

async function connect(adminUrl: string, run: string): Promise<Pick<TestServer, 'client' | 'admin'>> {
  const client = new pg.Client({
    connectionString: adminUrl,
    application_name: `plantao-test:${run}`,
    // It stays open for the whole run; the leak check must not count it.
    stream: () => new Socket().unref(),
  });
  client.on('error', () => undefined);
  await client.connect();
  return { client, admin: inTurn(client) };
}

function inTurn(client: pg.Client): TestServer['admin'] {
  let last: Promise<unknown> = Promise.resolve();
  return (sql, values) => {
    const answer = last.then(async () => (await client.query(sql, values)).rows);
    last = answer.catch(() => undefined);
    return answer;
  };
}

/** Creates a folder in the system's temp folder that PostgreSQL's user can enter. */
export async function makeServerFolder(): Promise<string> {
  const folder = await mkdtemp(path.join(tmpdir(), 'plantao-test-'));
  await chmod(folder, 0o755);
  return folder;
}

/** Returns `url` with another database. */
export function withDatabase(url: string, name: string): string {
  const changed = new URL(url);
  changed.pathname = `/${name}`;
  return changed.toString();
}

/** Drops the databases of killed runs, which have no session any more. */
async function dropLeftovers(admin: TestServer['admin']): Promise<void> {
  const rows = await admin<{ datname: string }>(
    `SELECT datname FROM pg_database
     WHERE datname ~ '^plantao_test_[0-9a-f]{8}_'
       AND 'plantao-test:' || substr(datname, 14, 8) NOT IN (SELECT application_name FROM pg_stat_activity)`,
  );
  for (const { datname } of rows) await admin(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`).catch(() => undefined);
}

/** Returns the client sessions on this run's databases. */
export async function openSessions(): Promise<Session[]> {
  const { started } = state;
  if (started === null) return [];
  const rows = await started.admin<Session>(
    `SELECT pid, application_name AS application, datname AS database FROM pg_stat_activity
     WHERE backend_type = 'client backend' AND datname LIKE $1 ORDER BY pid`,
    [`plantao\\_test\\_${started.run}\\_%`],
  );
  return rows;
}

/** Returns the advisory locks held on this run's databases. */
export async function heldLocks(): Promise<AdvisoryLock[]> {
  const { started } = state;
  if (started === null) return [];
  const rows = await started.admin<Session & { key: string }>(
    `SELECT a.pid, a.application_name AS application, a.datname AS database,
            format('(%s, %s) %s', l.classid, l.objid, l.mode) AS key
     FROM pg_locks l JOIN pg_stat_activity a USING (pid)
     WHERE l.locktype = 'advisory' AND l.granted AND a.datname LIKE $1`,
    [`plantao\\_test\\_${started.run}\\_%`],
  );
  return rows.map(({ key, ...session }) => ({ pid: session.pid, key, session }));
}

/** Drops this run's databases and stops its server. Does nothing if none was started. */
export async function stopTestServer(): Promise<void> {
  if (state.starting === null) return;
  const server = await state.starting.catch(() => null);
  state.starting = null;
  state.started = null;
  if (server === null) return;
  if (server.embedded === null) {
    const rows = await server.admin<{ datname: string }>('SELECT datname FROM pg_database WHERE datname LIKE $1', [
      `plantao\\_test\\_${server.run}\\_%`,
    ]);
    for (const { datname } of rows) await server.admin(`DROP DATABASE IF EXISTS ${datname} WITH (FORCE)`);
  }
  await server.client.end();
  await server.embedded?.stop();
  if (server.folder !== null) await rm(server.folder, { recursive: true, force: true });
}
