import { rm, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import { migrate } from '../../src/database/migrator.ts';
import { type EmbeddedPostgres, startEmbeddedPostgres } from '../../src/local-cluster/embedded/embedded-postgres.ts';
import { freePort } from './free-port.ts';
import { makeServerFolder } from './test-server.ts';
import { track } from './tracked.ts';

/** A PostgreSQL that a test may restart, crash and freeze. Keeps its port, password and data through all of that. */
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

  /** Of its one database, which is migrated. */
  get url(): string {
    return this.#url;
  }

  /** Of the postmaster; null while it is down. */
  get pid(): number | null {
    return this.#server?.pid ?? null;
  }

  /** Starts it, after a stop, or after somebody killed it. */
  async start(): Promise<void> {
    const server = await startEmbeddedPostgres({ dataFolder: this.#folder, port: this.port, flags: this.#flags });
    this.#server = server;
    this.#url = server.url;
    void server.exited.then(() => {
      if (this.#server === server) this.#server = null;
    });
  }

  /** `fast` ends its sessions in order, `immediate` is a crash: the next start recovers from the log. */
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

  /** Stops it and starts it in recovery, where it waits for more to replay and takes no writes. */
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

  /** SIGSTOP for all its processes: connections stay open and nobody answers. Thaw it before it is stopped. */
  async freeze(): Promise<void> {
    // The postmaster first: then nobody is left who could make another one.
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
    // A checkpointer of a crashed server may write its last for a moment.
    for (let tries = 0; tries < 20; tries++) {
      const removed = await rm(this.#folder, { recursive: true, force: true }).then(
        () => true,
        () => false,
      );
      if (removed) return;
      await pause(50);
    }
  }
}

/** What {@link startPostgresOfItsOwn} is told. */
export interface OwnPostgresOptions {
  /** E.g. `['-c', 'max_connections=20']`. */
  flags?: string[];
  /** Default true. */
  migrated?: boolean;
}

/**
 * An embedded server apart from the shared one, with fsync on, also where DATABASE_URL names another server: about two
 * seconds. Call it in `before` and `remove()` it in `after`.
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
