import { readFile } from 'node:fs/promises';
import path from 'node:path';
import type pg from 'pg';
import { startTcpProxy, type TcpProxy } from '../../src/prove/rig/tcp-proxy.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get, post } from '../support/network/http.ts';
import { withSession } from '../support/postgres/with-session.ts';
import { Daemon } from './daemon.ts';
import type { Programs } from './programs.ts';

/** The superuser's password in .ops/patroni.yml. */
const PASSWORD = 'change-me';

/** Options of a {@link PatroniMember}. */
export interface PatroniMemberOptions {
  programs: Programs;
  name: string;
  /** A folder of the server's user, with a copy of .ops/patroni.yml. */
  folder: string;
  etcdPort: number;
}

/** The state of a server, by Patroni's REST interface. */
export interface MemberState {
  state: string;
  role: string;
  timeline?: number;
  sync_standby?: boolean;
}

/** One PostgreSQL server with its Patroni, from .ops/patroni.yml. The other server reaches it through `link`. */
export class PatroniMember {
  readonly name: string;
  readonly port: number;
  readonly restPort: number;
  /** The link over which the other server replicates from this one. Faults cut it or swallow its bytes. */
  readonly link: TcpProxy;
  readonly patroni: Daemon;
  readonly #data: string;

  private constructor(options: PatroniMemberOptions, [port, restPort]: [number, number], link: TcpProxy) {
    const { programs, name, folder, etcdPort } = options;
    this.name = name;
    this.port = port;
    this.restPort = restPort;
    this.link = link;
    this.#data = path.join(folder, 'data');
    const rest = `127.0.0.1:${restPort}`;
    this.patroni = new Daemon({
      program: programs.patroni,
      args: [path.join(folder, 'patroni.yml')],
      folder,
      logFile: path.join(folder, 'patroni.log'),
      user: programs.tools.user,
      env: {
        HOME: folder,
        PATRONI_NAME: name,
        PATRONI_RESTAPI_LISTEN: rest,
        PATRONI_RESTAPI_CONNECT_ADDRESS: rest,
        PATRONI_ETCD3_HOSTS: `127.0.0.1:${etcdPort}`,
        PATRONI_POSTGRESQL_LISTEN: `127.0.0.1:${port}`,
        PATRONI_POSTGRESQL_CONNECT_ADDRESS: `127.0.0.1:${link.port}`,
        PATRONI_POSTGRESQL_DATA_DIR: this.#data,
        PATRONI_POSTGRESQL_BIN_DIR: programs.tools.folder,
        PATRONI_POSTGRESQL_PGPASS: path.join(folder, 'pgpass'),
      },
    });
  }

  /** Chooses its ports. Nothing is started yet. */
  static async prepare(options: PatroniMemberOptions): Promise<PatroniMember> {
    const [port, restPort] = [await freePort(), await freePort()];
    return new PatroniMember(options, [port, restPort], await startTcpProxy({ port }));
  }

  /** The URL of the server itself, not through a proxy. */
  urlOf(database: string): string {
    return `postgres://postgres:${PASSWORD}@127.0.0.1:${this.port}/${database}`;
  }

  /** Returns the state that Patroni reports; null if it does not respond. */
  async state(): Promise<MemberState | null> {
    const response = await get<MemberState>(`http://127.0.0.1:${this.restPort}/patroni`, { deadline: 1000 }).catch(
      () => null,
    );
    return response?.body ?? null;
  }

  /** Requests a switchover to `candidate` from Patroni. Resolves when it is done. */
  async switchover(candidate: PatroniMember): Promise<void> {
    const body = { leader: this.name, candidate: candidate.name };
    const url = `http://127.0.0.1:${this.restPort}/switchover`;
    const { status, text } = await post(url, body, { deadline: 60_000 });
    if (status !== 200) throw new Error(`Patroni refused the switchover: ${status} ${text}`);
  }

  /** Runs one statement on the server itself. Throws while it is down. */
  async query<Row extends pg.QueryResultRow>(sql: string, values: unknown[] = [], database = 'postgres') {
    const connectionString = this.urlOf(database);
    const config = { connectionString, connectionTimeoutMillis: 1000, query_timeout: 5000 };
    return withSession(config, async (client) => (await client.query<Row>(sql, values)).rows);
  }

  /** Kills the postmaster with SIGKILL. Its other processes notice it and end. */
  async killPostgres(): Promise<void> {
    const pid = await this.#postmaster();
    if (pid === null) throw new Error(`${this.name} has no PostgreSQL to kill`);
    process.kill(pid, 'SIGKILL');
  }

  async #postmaster(): Promise<number | null> {
    const text = await readFile(path.join(this.#data, 'postmaster.pid'), 'utf8').catch(() => '');
    const pid = Number(text.split('\n')[0]);
    const command = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    return pid > 0 && command.includes(this.#data) ? pid : null;
  }

  /** Stops Patroni and with it the server; kills what is left. */
  async stop(): Promise<void> {
    this.link.heal();
    await this.patroni.stop();
    const pid = await this.#postmaster();
    if (pid !== null) {
      process.kill(pid, 'SIGKILL');
      await eventually(`${this.name} ends`, async () => (await this.#postmaster()) === null);
    }
    await this.link.close();
  }
}
