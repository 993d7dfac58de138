import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { migrate } from '../../../src/database/migrator.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../../src/local-cluster/embedded/embedded-postgres.ts';
import { eventually } from '../eventually.ts';
import { freePort } from '../network/free-port.ts';
import { track } from '../run/tracked.ts';
import { makeServerFolder } from './test-server.ts';

/** A PostgreSQL server that a test may restart, crash and freeze. It keeps its port, password and data. */
export class OwnPostgres {
  readonly port: number;
  readonly #folder: string;
  readonly #flags: string[];
  #server: EmbeddedPostgres | null = null;
  #url = '';

  constructor(folder: string, port: number, flags: string[]) {
    this.#folder = folder;
    this.port = port;
    this.#flags = flags;
    track({ owner: `postgres on ${port}`, pid: () => this.pid, kill: () => void this.#server?.stop('immediate') });
  }

  /** The URL of its database. */
  get url(): string {
    return this.#url;
  }

  /** The pid of the postmaster; null while it is down. */
  get pid(): number | null {
    return this.#server?.pid ?? null;
  }

  /** Starts it, also after it was stopped or killed. */
  async start(): Promise<void> {
    const server = await startEmbeddedPostgres({ dataFolder: this.#folder, port: this.port, flags: this.#flags });
    this.#server = server;
    this.#url = server.url;
    void server.exited.then(() => {
      if (this.#server === server) this.#server = null;
    });
  }

  /** Stops it: `fast` ends its sessions gracefully, `immediate` is a crash, from which the next start recovers. */
  async stop(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    const server = this.#server;
    await server?.stop(how);
    this.#server = null;
  }

  /** Stops and starts. */
  async restart(how: 'fast' | 'immediate' = 'fast'): Promise<void> {
    await this.stop(how);
    await this.start();
  }

  /** Stops it and starts it in recovery, where it waits for more to replay and accepts no writes. */
  async restartAsStandby(): Promise<void> {
    await this.#restartWith((signal) => writeFile(signal, ''));
  }

  /** Undoes {@link restartAsStandby}. */
  async restartAsPrimary(): Promise<void> {
    await this.#restartWith((signal) => rm(signal));
  }

  async #restartWith(change: (signalFile: string) => Promise<void>): Promise<void> {
    const folder = this.#server?.folder ?? this.#folder;
    await this.stop();
    await change(path.join(folder, 'postgres', 'standby.signal'));
    await this.start();
  }

  /** Sends SIGSTOP to all its processes: connections stay open without responses. Thaw it before it is stopped. */
  async freeze(): Promise<void> {
    // The postmaster first, so that it starts no others.
    if (this.pid !== null) process.kill(this.pid, 'SIGSTOP');
    await this.#signalAll('SIGSTOP');
  }

  /** Undoes {@link freeze}. */
  async thaw(): Promise<void> {
    await this.#signalAll('SIGCONT');
  }

  async #signalAll(signal: NodeJS.Signals): Promise<void> {
    for (const pid of (await this.#server?.processes()) ?? []) {
      try {
        process.kill(pid, signal);
      } catch {
        // Ended meanwhile.
      }
    }
  }

  /** Stops it for good and removes its data. */
  async remove(): Promise<void> {
    await this.thaw();
    await this.stop();
    // The checkpointer of a crashed server may still write briefly.
    const remove = () => rm(this.#folder, { recursive: true, force: true }).then(() => true);
    await eventually('the data folder is removed', remove, { within: 30_000, every: 50 });
  }
}

/** Options of {@link startPostgresOfItsOwn}. */
export interface OwnPostgresOptions {
  /** E.g. `['-c', 'max_connections=20']`. */
  flags?: string[];
  /** Default true. */
  migrated?: boolean;
}

/**
 * Starts an embedded server beside the shared one, with fsync on, even if DATABASE_URL names another server. Takes about
 * two seconds. Call it in `before` and `remove()` it in `after`.
 */
export async function startPostgresOfItsOwn({
  flags = [],
  migrated = true,
}: OwnPostgresOptions = {}): Promise<OwnPostgres> {
  const own = new OwnPostgres(await makeServerFolder(), await freePort(), flags);
  await own.start();
  if (migrated) await migrate(own.url);
  return own;
}
