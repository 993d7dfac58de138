import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { guardAgainstOrphaning } from '../../src/local-cluster/embedded/orphan-guard.ts';
import { eventually } from '../support/eventually.ts';

/** Options of a {@link Daemon}. */
export interface DaemonOptions {
  program: string;
  args: string[];
  /** Its whole environment. */
  env: Record<string, string>;
  folder: string;
  logFile: string;
  /** Default: this process's own. */
  user?: { uid?: number; gid?: number };
}

const STOP_TIMEOUT_MS = 20_000;

/** A program that a run starts, kills and starts again. */
export class Daemon {
  readonly #options: DaemonOptions;
  #child: ChildProcess | null = null;
  #exited: Promise<unknown> = Promise.resolve();

  constructor(options: DaemonOptions) {
    this.#options = options;
  }

  get isRunning(): boolean {
    return this.#child !== null;
  }

  /** Null while it does not run. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  start(): void {
    const { program, args, env, folder, logFile, user = {} } = this.#options;
    const output = openSync(logFile, 'a', 0o644);
    const child = spawn(program, args, {
      ...user,
      cwd: folder,
      env: { PATH: process.env.PATH ?? '', LC_ALL: 'C.UTF-8', TZ: 'UTC', ...env },
      detached: true,
      stdio: ['ignore', output, output],
    });
    closeSync(output);
    this.#child = child;
    const guard = child.pid === undefined ? null : guardAgainstOrphaning(child.pid, { first: 'TERM', last: 'KILL' });
    this.#exited = once(child, 'exit')
      .catch(() => undefined)
      .then(() => {
        guard?.release();
        if (this.#child === child) this.#child = null;
      });
  }

  /** Kills the process and resolves when it has ended. */
  async kill(): Promise<void> {
    this.#child?.kill('SIGKILL');
    await this.#exited;
  }

  /** Stops the process gracefully, by force after a while. */
  async stop(): Promise<void> {
    this.#child?.kill('SIGTERM');
    const isStopped = () => this.#child === null;
    await eventually('the process ends', isStopped, { within: STOP_TIMEOUT_MS }).catch(() => undefined);
    await this.kill();
  }

  /** The end of its log. */
  async logEnd(): Promise<string> {
    return (await readFile(this.#options.logFile, 'utf8').catch(() => '')).slice(-3000);
  }
}
