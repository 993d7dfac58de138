import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

const PROJECT = fileURLToPath(new URL('../../..', import.meta.url));
const RESPONSE_TIMEOUT_MS = 300_000;
const STOP_TIMEOUT_MS = 10_000;

/** Options of a {@link BenchProcess}. */
export interface ProcessOptions {
  /** Path of the program, relative to the project's folder. */
  program: string;
  env?: Record<string, string>;
  /** Flags of Node.js; measuring memory requires `--expose-gc`. */
  flags?: string[];
  /** Matches the output when the program is ready; the first group is its port. Default `ready <port>`. */
  readyWhen?: RegExp;
}

/** A request to a child process. */
export interface IpcRequest {
  id: number;
  name: string;
  value: unknown;
}

/**
 * A child process that handles requests over IPC: the load generator, and every server that is measured (through probe.ts,
 * which is loaded before it). It exits when this process does.
 */
export class BenchProcess {
  /** The port on 127.0.0.1; 0 if the program does not listen. */
  port = 0;
  readonly #child: ChildProcess;
  readonly #pending = new Map<number, { resolve(value: unknown): void; reject(error: Error): void }>();
  #lastId = 0;
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
    this.#child.on('message', (message: { id: number; value?: unknown; error?: string }) => this.#receive(message));
    this.#child.once('close', () => {
      for (const { reject } of this.#pending.values()) reject(new Error(`${options.program} ended:\n${this.#output}`));
      this.#pending.clear();
    });
  }

  /** Starts a program and resolves when it is ready. @throws if it exits instead, with its output. */
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
        once(child.stdout ?? child, 'data').then(() => 'output'),
      ]);
      if (what === 'ended') throw new Error(`${options.program} did not start:\n${started.#output}`);
    }
  }

  get pid(): number {
    return this.#child.pid ?? 0;
  }

  /** The end of its output. */
  get output(): string {
    return this.#output;
  }

  /** Sends a request and returns the result, whose type is not checked. @throws the error of the handler. */
  ask<Result = unknown>(name: string, value?: unknown): Promise<Result> {
    const id = ++this.#lastId;
    return new Promise<Result>((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no response to "${name}" in time`)), RESPONSE_TIMEOUT_MS);
      const settle = (then: () => void) => {
        clearTimeout(timer);
        then();
      };
      this.#pending.set(id, {
        resolve: (result) => settle(() => resolve(result as Result)),
        reject: (error) => settle(() => reject(error)),
      });
      this.#child.send({ id, name, value } satisfies IpcRequest);
    });
  }

  async stop(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const closed = once(this.#child, 'close');
    this.#child.kill('SIGTERM');
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), STOP_TIMEOUT_MS);
    await closed;
    clearTimeout(timer);
  }

  #receive({ id, value, error }: { id: number; value?: unknown; error?: string }): void {
    const request = this.#pending.get(id);
    this.#pending.delete(id);
    if (error === undefined) request?.resolve(value);
    else request?.reject(new Error(error));
  }
}
