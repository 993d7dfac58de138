import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const ANSWER_WITHIN_MS = 300_000;
const STOP_WITHIN_MS = 10_000;

/** What a {@link BenchProcess} is started with. */
export interface ProcessOptions {
  /** Path of the program, from the project's folder. */
  program: string;
  env?: Record<string, string>;
  /** Flags of node; `--expose-gc` for who measures memory. */
  flags?: string[];
  /** Its output says that it is ready, and with the first group on which port; default `ready <port>`. */
  readyWhen?: RegExp;
}

/** A question to a child, and what comes back. */
export interface Ask {
  id: number;
  name: string;
  value: unknown;
}

/**
 * A child process that answers questions over IPC: the load generator, and every server that is measured (through
 * probe.ts, which is loaded before it). It ends when this process does.
 */
export class BenchProcess {
  /** On 127.0.0.1; 0 where it listens on none. */
  port = 0;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #asked = 0;
  #output = '';

  private constructor(options: ProcessOptions) {
    const { PATH = '', HOME = '', TMPDIR } = process.env;
    const probe = new URL('probe.ts', import.meta.url).href;
    this.#child = fork(options.program, [], {
      cwd: PROJECT,
      execArgv: [...(options.flags ?? []), '--import', 'tsx', '--import', probe],
      env: { PATH, HOME, ...(TMPDIR === undefined ? {} : { TMPDIR }), ...options.env },
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      stream?.setEncoding('utf8').on('data', (text: string) => {
        this.#output = (this.#output + text).slice(-20_000);
      });
    }
    this.#child.on('message', (message: { id: number; value?: unknown; error?: string }) => this.#hear(message));
    this.#child.once('close', () => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${options.program} ended:\n${this.#output}`));
      this.#waiting.clear();
    });
  }

  /** Starts a program and resolves when it is ready. @throws what it has printed, where it ends instead. */
  static async start(options: ProcessOptions): Promise<BenchProcess> {
    const started = new BenchProcess(options);
    const child = started.#child;
    for (;;) {
      const ready = (options.readyWhen ?? /^ready(?: (\d+))?$/m).exec(started.#output);
      if (ready) {
        started.port = Number(ready[1] ?? 0);
        return started;
      }
      const what = await Promise.race([
        once(child, 'close').then(() => 'ended'),
        once(child.stdout ?? child, 'data').then(() => 'said'),
      ]);
      if (what === 'ended') throw new Error(`${options.program} did not start:\n${started.#output}`);
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The last of what it has printed. */
  get output(): string {
    return this.#output;
  }

  /** Asks, and resolves with the answer, whose shape is the caller's claim. @throws what went wrong there. */
  ask<Answer = unknown>(name: string, value?: unknown): Promise<Answer> {
    const id = ++this.#asked;
    return new Promise<Answer>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no answer to "${name}" in time`)), ANSWER_WITHIN_MS);
      const settle = (then: () => void) => {
        clearTimeout(timer);
        then();
      };
      this.#waiting.set(id, {
        resolve: (answer) => settle(() => resolve(answer as Answer)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#child.send({ id, name, value } satisfies Ask);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_WITHIN_MS);
    await closed;
    clearTimeout(timer);
  }

  #hear({ id, value, error }: { id: number; value?: unknown; error?: string }): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (error === undefined) waiting?.resolve(value);
    else waiting?.reject(new Error(error));
  }
}
