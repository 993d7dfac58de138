import { type ChildProcess, spawn } from 'node:child_process';
import http from 'node:http';
import { fileURLToPath } from 'node:url';
import { guardAgainstOrphaning } from '../database/orphan-guard.ts';
import type { Output } from './output.ts';
import { RestartPause } from './restart-pause.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** A node gives its own steps of a stop ten seconds; one that has not gone then never will. */
const STOP_WITHIN_MS = 12_000;
const PROBE_WITHIN_MS = 1000;
/** Characters of a node's standard error: enough for a stack. */
const ERRORS_KEPT = 4000;

/** What a {@link NodeChild} is made of. */
export interface NodeChildOptions {
  name: string;
  /** What people and peers reach it by. */
  url: string;
  /** Where this process reaches its `/health`. */
  probeUrl: string;
  /** Its whole environment. */
  env: Record<string, string | undefined>;
  output: Output;
}

/** What a node says of itself at `/health`. */
export interface NodeHealth {
  isActive: boolean;
}

/** One node as a process, started again whenever it ends, until it is told to stop. */
export class NodeChild {
  readonly name: string;
  readonly url: string;
  readonly #options: NodeChildOptions;
  readonly #pause = new RestartPause();
  #child: ChildProcess | null = null;
  #startedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #isStopping = false;
  /** False until the first start has succeeded: before that an end is a reason to give up, not to try again. */
  #restarts = false;
  #errors = '';

  constructor(options: NodeChildOptions) {
    this.#options = options;
    this.name = options.name;
    this.url = options.url;
  }

  /** Of its process; null while it has none. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Why its process ended, as far as its standard error tells: the last line of it that names an error. */
  get lastError(): string {
    const lines = this.#errors.split('\n').filter((line) => line.trim() !== '');
    const telling = lines.findLast((line) => /^cannot start|Error\b/.test(line)) ?? lines.at(-1);
    return telling?.trim() ?? 'it said nothing';
  }

  /** From now on it is started again when it ends. */
  keepRunning(): void {
    this.#restarts = true;
  }

  /** Starts its process. In a session of its own: a Ctrl-C is the launcher's to handle, which stops things in order. */
  start(): void {
    const { output, env, name } = this.#options;
    this.#startedAt = Date.now();
    this.#errors = '';
    const child = spawn(process.execPath, ['--import', 'tsx', 'src/main.ts'], {
      cwd: PROJECT,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const guard = child.pid === undefined ? null : guardAgainstOrphaning(child.pid, { first: 'TERM', last: 'KILL' });
    if (child.stdout) output.follow(name, child.stdout);
    if (child.stderr) output.follow(name, child.stderr);
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString('utf8')).slice(-ERRORS_KEPT);
    });
    child.once('error', (error) => output.tell(`${name} could not be started: ${error.message}`));
    child.once('close', (code, signal) => {
      guard?.release();
      this.#child = null;
      this.#ended(signal === null ? `ended with code ${code}` : `was killed by ${signal}`);
    });
  }

  #ended(how: string): void {
    if (this.#isStopping || !this.#restarts) return;
    const pause = this.#pause.next(Date.now() - this.#startedAt);
    this.#options.output.tell(`${this.name} ${how}; starting it again in ${(pause / 1000).toFixed(1)} s`);
    this.#timer = setTimeout(() => {
      this.start();
      this.#options.output.tell(`${this.name} is started again (pid ${this.pid})`);
    }, pause);
  }

  /** What it says at `/health`; null when it does not answer that it is alive within a second. */
  health(): Promise<NodeHealth | null> {
    return new Promise((resolve) => {
      const request = http.get(`${this.#options.probeUrl}/health`, { agent: false, timeout: PROBE_WITHIN_MS });
      request.once('timeout', () => request.destroy());
      request.once('error', () => resolve(null)).once('close', () => resolve(null));
      request.once('response', (response) => {
        let text = '';
        response.setEncoding('utf8').on('data', (chunk) => {
          text += chunk;
        });
        response.once('end', () => resolve(response.statusCode === 200 ? readHealth(text) : null));
      });
    });
  }

  /** SIGTERM, and kill -9 where that is not enough. Resolves when the process is gone; it is not started again. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#timer) clearTimeout(this.#timer);
    const child = this.#child;
    if (child === null) return;
    const gone = new Promise<void>((resolve) => child.once('close', () => resolve()));
    // A node that somebody has frozen can only hear the signal when it runs.
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const limit = setTimeout(() => {
      this.#options.output.tell(`${this.name} does not stop; killing it`);
      child.kill('SIGKILL');
    }, STOP_WITHIN_MS);
    await gone;
    clearTimeout(limit);
  }

  /** kill -9; it is not started again. */
  kill(): void {
    this.#isStopping = true;
    if (this.#timer) clearTimeout(this.#timer);
    this.#child?.kill('SIGKILL');
  }
}

function readHealth(text: string): NodeHealth | null {
  try {
    return { isActive: JSON.parse(text).active === true };
  } catch {
    return null;
  }
}
