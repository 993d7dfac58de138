import { type ChildProcess, spawn } from 'node:child_process';
import http from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';
import { PACKAGE_ROOT, programArguments } from '../package-root.ts';
import { guardAgainstOrphaning } from './embedded/orphan-guard.ts';
import type { Output } from './output.ts';
import { RestartDelay } from './restart-delay.ts';

/** A node's own stop takes at most ten seconds; one that is still running then is stuck. */
const STOP_TIMEOUT_MS = 12_000;
const PROBE_TIMEOUT_MS = 1000;
/** Interval at which a restarted node is probed until it serves. */
const PROBE_EVERY_MS = 200;
/** A node that has not served for this long after its restart waits for something that may never come. */
const SERVES_WITHIN_MS = 30_000;
/** Maximum number of characters of a node's standard error: enough for a stack. */
const MAX_ERROR_LENGTH = 4000;

/** Options of a {@link NodeChild}. */
export interface NodeChildOptions {
  name: string;
  /** The address for users and peers. */
  url: string;
  /** The address at which this process probes `/health`. */
  probeUrl: string;
  /** Its whole environment. */
  env: Record<string, string | undefined>;
  output: Output;
  /** How long a restarted node is probed until it serves. Default 30 seconds. */
  servesWithinMs?: number;
}

/** A node's state, as `/health` reports it. */
export interface NodeHealth {
  isActive: boolean;
}

/** One node's process. It is restarted when it exits, until {@link NodeChild.stop}. */
export class NodeChild {
  readonly name: string;
  readonly url: string;
  readonly #options: NodeChildOptions;
  readonly #restartDelay = new RestartDelay();
  #child: ChildProcess | null = null;
  #startedAt = 0;
  #timer: NodeJS.Timeout | null = null;
  #isStopping = false;
  /** False until the first start has succeeded: before that, an exit means giving up. */
  #restarts = false;
  #errors = '';

  constructor(options: NodeChildOptions) {
    this.#options = options;
    this.name = options.name;
    this.url = options.url;
  }

  /** The process id; null while there is no process. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Why the process exited: the last line of its standard error that names an error. */
  get lastError(): string {
    const lines = this.#errors.split('\n').filter((line) => line.trim() !== '');
    const errorLine = lines.findLast((line) => /^cannot start|Error\b/.test(line)) ?? lines.at(-1);
    return errorLine?.trim() ?? 'it printed no error';
  }

  /** Restarts the process from now on when it exits. */
  keepRunning(): void {
    this.#restarts = true;
  }

  /** Starts the process in a session of its own, so that the launcher handles Ctrl-C and stops everything gracefully. */
  start(): void {
    const { output, env, name } = this.#options;
    this.#startedAt = Date.now();
    this.#errors = '';
    const child = spawn(process.execPath, programArguments('main'), {
      cwd: PACKAGE_ROOT,
      env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    const guard = child.pid === undefined ? null : guardAgainstOrphaning(child.pid, { first: 'TERM', last: 'KILL' });
    if (child.stdout) output.follow(name, child.stdout);
    if (child.stderr) output.follow(name, child.stderr);
    child.stderr?.on('data', (chunk: Buffer) => {
      this.#errors = (this.#errors + chunk.toString('utf8')).slice(-MAX_ERROR_LENGTH);
    });
    child.once('error', (error) => output.log(`${name} could not be started: ${error.message}`));
    child.once('close', (code, signal) => {
      guard?.release();
      this.#child = null;
      this.#ended(signal === null ? `exited with code ${code}` : `was killed by ${signal}`);
    });
  }

  #ended(how: string): void {
    if (this.#isStopping || !this.#restarts) return;
    const pause = this.#restartDelay.next(Date.now() - this.#startedAt);
    this.#options.output.log(`${this.name} ${how}; restarting it in ${(pause / 1000).toFixed(1)} s`);
    this.#timer = setTimeout(() => {
      this.start();
      void this.#reportServing();
    }, pause);
  }

  /** Logs that the node is back once it responds, or that it does not respond. If it exits before that, its end is logged instead. */
  async #reportServing(): Promise<void> {
    const child = this.#child;
    const { output, servesWithinMs = SERVES_WITHIN_MS } = this.#options;
    const endsAt = performance.now() + servesWithinMs;
    for (;;) {
      const isServing = (await this.health()) !== null;
      if (this.#child !== child || this.#isStopping) return;
      if (isServing) return output.log(`${this.name} is running again (pid ${this.pid})`);
      if (performance.now() >= endsAt)
        return output.log(`${this.name} is running, but does not respond (pid ${this.pid})`);
      await sleep(PROBE_EVERY_MS);
    }
  }

  /** Returns the state from `/health`; null if the node does not report `alive` within a second. */
  health(): Promise<NodeHealth | null> {
    return new Promise((resolve) => {
      const request = http.get(`${this.#options.probeUrl}/health`, { agent: false, timeout: PROBE_TIMEOUT_MS });
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

  /** Sends SIGTERM, then kill -9 if the process does not exit. Resolves when it has exited; it is not restarted. */
  async stop(): Promise<void> {
    this.#isStopping = true;
    if (this.#timer) clearTimeout(this.#timer);
    const child = this.#child;
    if (child === null) return;
    const exited = new Promise<void>((resolve) => child.once('close', () => resolve()));
    // A node that was frozen with SIGSTOP handles SIGTERM only once it runs again.
    child.kill('SIGCONT');
    child.kill('SIGTERM');
    const limit = setTimeout(() => {
      this.#options.output.log(`${this.name} does not stop: killing it`);
      child.kill('SIGKILL');
    }, STOP_TIMEOUT_MS);
    await exited;
    clearTimeout(limit);
  }

  /** Sends kill -9; the process is not restarted. */
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
