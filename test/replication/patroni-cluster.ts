import { chmod, chown, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { migrate } from '../../src/database/migrator.ts';
import type { RigDatabase } from '../../src/prove/rig/node-rig.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get } from '../support/network/http.ts';
import { makeServerFolder } from '../support/postgres/test-server.ts';
import { Daemon } from './daemon.ts';
import { PatroniMember } from './patroni-member.ts';
import type { Programs } from './programs.ts';

const OPS = fileURLToPath(new URL('../../.ops/', import.meta.url));
/** The role and the database of the nodes; the role owns the database and is no superuser. */
const OWNER = 'chat';
const PASSWORD = 'change-me';
const DATABASE = 'plantao';
/** initdb, pg_basebackup and the first elections, on a busy machine. */
const CREATE_TIMEOUT_MS = 120_000;
/** A leader key lives for 20 s, and a rewind is tried a few times. */
const SETTLE_TIMEOUT_MS = 120_000;

/** How nodes reach the primary: through HAProxy, or by a URL that lists both servers. */
export type Route = 'haproxy' | 'hosts';

/** Options of {@link PatroniCluster.start}. */
export interface PatroniClusterOptions {
  programs: Programs;
  synchronous: boolean;
  route: Route;
}

/** Two PostgreSQL servers under Patroni with etcd, and HAProxy in front, from the files in .ops. All on loopback. */
export class PatroniCluster implements RigDatabase {
  readonly members: PatroniMember[] = [];
  readonly #options: PatroniClusterOptions;
  readonly #folder: string;
  readonly #daemons: Daemon[] = [];
  #proxyPort = 0;

  private constructor(options: PatroniClusterOptions, folder: string) {
    this.#options = options;
    this.#folder = folder;
  }

  /** Starts everything and migrates the database. Stops what it has started if a part fails to start. */
  static async start(options: PatroniClusterOptions): Promise<PatroniCluster> {
    const cluster = new PatroniCluster(options, await makeServerFolder());
    try {
      await cluster.#startMembers(await cluster.#startEtcd());
      await cluster.#startProxy();
      const leader = await eventually('a primary is elected', () => cluster.findLeader(), {
        within: CREATE_TIMEOUT_MS,
      });
      await leader.query(`CREATE ROLE ${OWNER} LOGIN PASSWORD '${PASSWORD}'`);
      await leader.query(`CREATE DATABASE ${DATABASE} OWNER ${OWNER}`);
      await eventually('HAProxy leads to the primary', () => migrate(cluster.observerUrl).then(() => true), {
        within: CREATE_TIMEOUT_MS,
        every: 500,
      });
      await cluster.untilSettled(CREATE_TIMEOUT_MS);
    } catch (error) {
      const logs = await cluster.logEnds();
      await cluster.remove();
      throw new Error(`${error instanceof Error ? error.message : error}\n${logs}`, { cause: error });
    }
    return cluster;
  }

  get url(): string {
    const hosts = this.members.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return this.#options.route === 'haproxy'
      ? this.observerUrl
      : `postgres://${OWNER}:${PASSWORD}@${hosts}/${DATABASE}?target_session_attrs=read-write`;
  }

  /** For clients that take one server by URL: HAProxy's, or each server's, as the route has it. */
  get urls(): string[] {
    const { route } = this.#options;
    if (route === 'haproxy') return [this.observerUrl];
    return this.members.map(({ port }) => `postgres://${OWNER}:${PASSWORD}@127.0.0.1:${port}/${DATABASE}`);
  }

  get observerUrl(): string {
    return `postgres://${OWNER}:${PASSWORD}@127.0.0.1:${this.#proxyPort}/${DATABASE}`;
  }

  /** The server that holds the leader key and accepts writes, or null. */
  async findLeader(): Promise<PatroniMember | null> {
    for (const member of this.members) {
      const response = await get(`http://127.0.0.1:${member.restPort}/primary`, { deadline: 1000 }).catch(() => null);
      if (response?.status === 200) return member;
    }
    return null;
  }

  /** As {@link findLeader}, where there must be one. */
  async leader(): Promise<PatroniMember> {
    const leader = await this.findLeader();
    if (!leader) throw new Error('no PostgreSQL server is primary');
    return leader;
  }

  /** The other server. */
  otherThan(member: PatroniMember): PatroniMember {
    const other = this.members.find((one) => one !== member);
    if (!other) throw new Error('there is one server only');
    return other;
  }

  /** Waits until one server is primary and the other streams from it, as a synchronous standby where it should be one. */
  async untilSettled(within = SETTLE_TIMEOUT_MS): Promise<void> {
    const { synchronous } = this.#options;
    const whole = async () => {
      const leader = await this.leader();
      const standby = this.otherThan(leader);
      const rows = await leader.query<{ state: string; sync_state: string }>(
        'SELECT state, sync_state FROM pg_stat_replication WHERE application_name = $1',
        [standby.name],
      );
      const state = await standby.state();
      const [row] = rows;
      const isStreaming = row?.state === 'streaming' && row.sync_state === (synchronous ? 'sync' : 'async');
      // PostgreSQL knows a synchronous standby a moment before etcd does, and Patroni promotes only one that etcd names.
      const isCandidate =
        state?.state === 'running' && state.role === 'replica' && (!synchronous || state.sync_standby);
      return isStreaming && isCandidate === true;
    };
    await eventually('one server is primary and the other streams', whole, { within, every: 200 }).catch(
      async (error) => {
        throw new Error(`${error.message}\n${await this.logEnds()}`, { cause: error });
      },
    );
  }

  /** Stops everything and removes the data. */
  async remove(): Promise<void> {
    await Promise.all(this.members.map((member) => member.stop()));
    await Promise.all(this.#daemons.map((daemon) => daemon.stop()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 20 });
  }

  async #startEtcd(): Promise<number> {
    const [port, peerPort] = [await freePort(), await freePort()];
    const [client, peer] = [`http://127.0.0.1:${port}`, `http://127.0.0.1:${peerPort}`];
    const folder = path.join(this.#folder, 'etcd');
    await mkdir(folder, { mode: 0o700 });
    const listen = ['--listen-client-urls', client, '--advertise-client-urls', client, '--listen-peer-urls', peer];
    const member = ['--initial-advertise-peer-urls', peer, '--initial-cluster', `etcd=${peer}`, '--name', 'etcd'];
    this.#run('etcd', [...listen, ...member, '--data-dir', folder]);
    await eventually('etcd is healthy', async () => (await get(`${client}/health`)).status === 200, { within: 30_000 });
    return port;
  }

  async #startMembers(etcdPort: number): Promise<void> {
    const { programs, synchronous } = this.#options;
    const text = await readFile(`${OPS}patroni.yml`, 'utf8');
    const configuration = synchronous ? text : text.replace(/^( *synchronous_mode:) true$/m, '$1 false');
    for (const name of ['pg1', 'pg2']) {
      const folder = path.join(this.#folder, name);
      await mkdir(folder, { mode: 0o700 });
      const file = path.join(folder, 'patroni.yml');
      await writeFile(file, configuration);
      await chmod(file, 0o644);
      const { uid, gid } = programs.tools.user;
      if (uid !== undefined && gid !== undefined) await chown(folder, uid, gid);
      this.members.push(await PatroniMember.prepare({ programs, name, folder, etcdPort }));
    }
    for (const { patroni } of this.members) patroni.start();
  }

  async #startProxy(): Promise<void> {
    this.#proxyPort = await freePort();
    let text = (await readFile(`${OPS}haproxy-postgres.cfg`, 'utf8')).replace(':5000', `:${this.#proxyPort}`);
    for (const [index, { port, restPort }] of this.members.entries()) {
      text = text.replace(`:${5432 + index} port ${8008 + index}`, `:${port} port ${restPort}`);
    }
    const file = path.join(this.#folder, 'haproxy.cfg');
    await writeFile(file, text);
    this.#run('haproxy', ['-db', '-q', '-f', file]);
  }

  #run(program: 'etcd' | 'haproxy', args: string[]): void {
    const daemon = new Daemon({
      program: this.#options.programs[program],
      args,
      env: {},
      folder: this.#folder,
      logFile: path.join(this.#folder, `${program}.log`),
    });
    this.#daemons.push(daemon);
    daemon.start();
  }

  /** The last lines of every daemon's log, for the message of a failure. */
  async logEnds(): Promise<string> {
    const daemons = [...this.#daemons, ...this.members.map(({ patroni }) => patroni)];
    return (await Promise.all(daemons.map((daemon) => daemon.logEnd()))).join('\n---\n');
  }
}
