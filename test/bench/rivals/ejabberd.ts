import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Daemon } from '../../replication/daemon.ts';
import { eventually } from '../../support/eventually.ts';
import { freePort } from '../../support/network/free-port.ts';
import { sql } from '../common/people.ts';
import { BenchProcess } from '../common/process.ts';
import { withDescendants } from '../common/process-cost.ts';
import type { DriveResult, WakeResult } from '../load/requests.ts';
import type { EjabberdPaths } from './programs.ts';
import { type RunningRival, SENDERS, SESSIONS } from './rival.ts';
import { DOMAIN, XmppClient } from './xmpp/xmpp-client.ts';
import type { XmppDriveSpec, XmppOpenSpec } from './xmpp/xmpp-load-process.ts';

const PASSWORD = 'bench';
const START_LIMIT_MS = 60_000;
const CONFIGURATION = 'ejabberd.yml';

/** Creates its database with accounts. Returns a function that starts the server. */
export async function prepareEjabberd(
  programs: EjabberdPaths,
  databaseUrl: string,
  accounts: number,
): Promise<() => Promise<RunningRival>> {
  const url = new URL(databaseUrl);
  url.pathname = '/ejabberd';
  await sql(databaseUrl, 'CREATE DATABASE ejabberd');
  await sql(url.href, await readFile(programs.schema, 'utf8'));
  await sql(
    url.href,
    `INSERT INTO users (username, password) SELECT 'user-' || n, '${PASSWORD}' FROM generate_series(1, ${accounts}) n;
     ANALYZE`,
  );
  return () => start(programs, url, accounts);
}

/**
 * Rooms store each message in PostgreSQL before they distribute it. Large rooms need two changes to the defaults: presence is
 * not distributed, or five thousand joins would be 12 million stanzas, and a new occupant receives no history.
 */
function configuration(port: number, database: URL, occupants: number): string {
  return JSON.stringify({
    hosts: [DOMAIN],
    loglevel: 'error',
    listen: [{ port, ip: '127.0.0.1', module: 'ejabberd_c2s', backlog: 4096, max_stanza_size: 65_536 }],
    auth_method: ['sql'],
    auth_password_format: 'plain',
    default_db: 'sql',
    sql_type: 'pgsql',
    sql_pool_size: SESSIONS,
    sql_server: database.hostname,
    sql_port: Number(database.port),
    sql_database: database.pathname.slice(1),
    sql_username: decodeURIComponent(database.username),
    sql_password: decodeURIComponent(database.password),
    modules: {
      mod_mam: { default: 'never' },
      mod_muc: {
        history_size: 0,
        max_users: occupants,
        default_room_options: { mam: true, persistent: true, max_users: occupants, presence_broadcast: [] },
      },
    },
  });
}

async function start(programs: EjabberdPaths, database: URL, accounts: number): Promise<RunningRival> {
  const port = await freePort();
  const server = await startServer(programs, port, configuration(port, database, accounts));
  const clients = await BenchProcess.start({ program: 'test/bench/rivals/xmpp/xmpp-load-process.ts' });
  const archived = async () => {
    const [row] = await sql<{ count: string }>(database.href, 'SELECT count(*) FROM archive');
    return Number(row?.count);
  };
  return {
    pids: () => withDescendants(server.pid()),
    async post(times) {
      const before = await archived();
      const spec: XmppDriveSpec = { port, senders: SENDERS, password: PASSWORD, ...times };
      const result = await clients.ask<DriveResult>('drive', spec);
      const stored = (await archived()) - before;
      if (stored < result.answered) throw new Error(`ejabberd archived ${stored} of ${result.answered} messages`);
      return result;
    },
    open: async (count) => {
      await clients.ask('open', { port, count, password: PASSWORD } satisfies XmppOpenSpec);
    },
    wake: () => clients.ask<WakeResult>('wake'),
    close: async () => {
      await clients.ask('close');
    },
    async stop() {
      await clients.stop();
      await server.stop();
    },
  };
}

/** Starts the server with a folder of its own, and waits until it accepts logins. */
async function startServer(programs: EjabberdPaths, port: number, configuration: string) {
  const folder = await mkdtemp(path.join(tmpdir(), 'plantao-ejabberd-'));
  await writeFile(path.join(folder, CONFIGURATION), configuration);
  const server = daemonIn(folder, programs);
  const stop = async () => {
    await server.stop();
    await rm(folder, { recursive: true, force: true });
  };
  const acceptsLogins = async () => {
    if (!server.isRunning) throw new Error(await server.logEnd());
    const client = await XmppClient.open(port, { user: 'user-1', password: PASSWORD });
    client.destroy();
    return true;
  };
  server.start();
  try {
    await eventually('ejabberd accepts logins', acceptsLogins, { within: START_LIMIT_MS, every: 100 });
  } catch (error) {
    await stop();
    throw error;
  }
  return { pid: () => server.pid ?? 0, stop };
}

function daemonIn(folder: string, { erl, libraries }: EjabberdPaths): Daemon {
  // Without a name, the Erlang runtime starts no daemon for other nodes to find it.
  return new Daemon({
    program: erl,
    args: ['+K', 'true', '+P', '250000', '-noinput', '-mnesia', 'dir', `"${folder}/mnesia"`, '-s', 'ejabberd'],
    env: {
      HOME: folder,
      ERL_LIBS: path.dirname(libraries),
      ERL_MAX_PORTS: '32000',
      ERL_CRASH_DUMP_BYTES: '0',
      EJABBERD_CONFIG_PATH: path.join(folder, CONFIGURATION),
      EJABBERD_LOG_PATH: path.join(folder, 'ejabberd.log'),
    },
    folder,
    logFile: path.join(folder, 'output.log'),
  });
}
