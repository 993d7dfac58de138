import { randomBytes } from 'node:crypto';
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { migrate } from '../../../src/database/migrator.ts';
import type { ServerTools } from '../../../src/local-cluster/replicated/server-tools.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../network/free-port.ts';
import { REPLICA_NAME, ReplicaServer } from './replica-server.ts';
import { makeServerFolder } from './test-server.ts';

/** Options of {@link startReplicatedPostgres}. */
export interface ReplicatedPostgresOptions {
  /** From `requireServerTools(this)` in a `before` hook. */
  tools: ServerTools;
  /** Default 1. */
  standbys?: number;
  /** Commits wait for one standby. Default false. */
  synchronous?: boolean;
  /** For every server. */
  flags?: readonly string[];
  /** Default true. */
  migrated?: boolean;
}

/** A primary with streaming standbys, without a failover manager: the test itself promotes. */
export class ReplicatedPostgres {
  readonly servers: readonly ReplicaServer[];
  readonly #folder: string;
  #primary: ReplicaServer;

  constructor(folder: string, servers: readonly [ReplicaServer, ...ReplicaServer[]]) {
    this.#folder = folder;
    this.servers = servers;
    this.#primary = servers[0];
  }

  /** The server that was started as primary, or was promoted last. */
  get primary(): ReplicaServer {
    return this.#primary;
  }

  /** All other servers, running or not. */
  get standbys(): ReplicaServer[] {
    return this.servers.filter((server) => server !== this.#primary);
  }

  /** The first standby. */
  get standby(): ReplicaServer {
    const [first] = this.standbys;
    if (!first) throw new Error('there is no standby');
    return first;
  }

  /** Lists every server, as libpq writes it. `target_session_attrs=read-write` and other parameters are for the caller to add. */
  get url(): string {
    const hosts = this.servers.map(({ port }) => `127.0.0.1:${port}`).join(',');
    return this.#primary.url.replace(/@[^/]*/, `@${hosts}`);
  }

  /** Adds a standby of the primary and starts it. */
  async addStandby(standby: ReplicaServer): Promise<void> {
    await standby.cloneFrom(this.#primary);
    await standby.start();
    await this.waitUntilStreaming(standby);
  }

  /** Promotes `standby`, which becomes {@link primary}. The former primary is left as it is: stop or kill it first. */
  async promote(standby: ReplicaServer = this.standby): Promise<void> {
    await standby.promote();
    this.#primary = standby;
  }

  /** Makes a stopped or killed server a standby of the primary again, by pg_rewind, and waits until it streams. */
  async rejoin(server: ReplicaServer): Promise<void> {
    // A promotion is complete for pg_rewind once a checkpoint of the new timeline is in the control file.
    await this.#primary.query('CHECKPOINT');
    await server.rewindTo(this.#primary);
    await server.start();
    await this.waitUntilStreaming(server);
  }

  /** Makes commits on the primary wait for one of its standbys, or for none. Resolves when that is in force. */
  async setSynchronous(synchronous: boolean): Promise<void> {
    const names = this.standbys.map(({ name }) => `"${name}"`).join(', ');
    await this.#primary.query(
      `ALTER SYSTEM SET synchronous_standby_names = '${synchronous ? `ANY 1 (${names})` : ''}'`,
    );
    await this.#primary.query('SELECT pg_reload_conf()');
    await eventually('the primary waits for its standbys as configured', async () => {
      const rows = await this.#primary.query("SELECT FROM pg_stat_replication WHERE sync_state IN ('sync', 'quorum')");
      return rows.length > 0 === synchronous;
    });
  }

  /** Waits until `standby` streams from the primary. */
  async waitUntilStreaming(standby: ReplicaServer): Promise<void> {
    const sql = "SELECT FROM pg_stat_replication WHERE application_name = $1 AND state = 'streaming'";
    const streams = async () => (await this.#primary.query(sql, [standby.name], 'postgres')).length > 0;
    await eventually(`${standby.name} streams from ${this.#primary.name}`, streams, { within: 30_000 });
  }

  /** Waits until `standby` has replayed all that the primary has written so far. */
  async waitUntilReplayed(standby: ReplicaServer = this.standby): Promise<void> {
    const [row] = await this.#primary.query<{ lsn: string }>('SELECT pg_current_wal_lsn() AS lsn');
    const sql = 'SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn AS done';
    await eventually(`${standby.name} has replayed ${row?.lsn}`, async () => {
      const [state] = await standby.query<{ done: boolean }>(sql, [row?.lsn]);
      return state?.done;
    });
  }

  /** Stops every server and removes their data. */
  async remove(): Promise<void> {
    await Promise.all(this.servers.map((server) => server.close()));
    await rm(this.#folder, { recursive: true, force: true, maxRetries: 20 });
  }
}

/** Starts a primary and its standbys on 127.0.0.1: three to five seconds. Call it in `before` and `remove()` in `after`. */
export async function startReplicatedPostgres(options: ReplicatedPostgresOptions): Promise<ReplicatedPostgres> {
  const { tools, standbys = 1, synchronous = false, flags = [], migrated = true } = options;
  const folder = await makeServerFolder();
  const password = randomBytes(12).toString('hex');
  const server = async (name: string) =>
    new ReplicaServer({ tools, folder: path.join(folder, name), name, port: await freePort(), password, flags });
  const primary = await server('pg1');
  const others = await Promise.all(Array.from({ length: standbys }, (_, index) => server(`pg${index + 2}`)));
  const set = new ReplicatedPostgres(folder, [primary, ...others]);
  try {
    await primary.create();
    await primary.start();
    await primary.query(`CREATE DATABASE ${REPLICA_NAME}`, [], 'postgres');
    if (migrated) await migrate(primary.url);
    for (const other of others) await set.addStandby(other);
    if (synchronous) await set.setSynchronous(true);
  } catch (error) {
    await set.remove();
    throw error;
  }
  return set;
}
