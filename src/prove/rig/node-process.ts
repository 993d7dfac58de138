import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { guardAgainstOrphaning } from '../../local-cluster/embedded/orphan-guard.ts';
import { PACKAGE_ROOT, programArguments } from '../../package-root.ts';

/** Longer than a node gives its own clients at a stop. */
const STOP_TIMEOUT_MS = 15_000;
const MAX_LINES = 20_000;

/** One line of a node's log. */
export interface LogEntry {
  level: number;
  time: number;
  node: string;
  msg: string;
  event?: string;
  [name: string]: unknown;
}

/** How a process exited. */
export interface ProcessExit {
  code: number | null;
  signal: NodeJS.Signals | null;
}

/** Options of a {@link NodeProcess}. */
export interface NodeProcessOptions {
  databaseUrl: string;
  /** NODE_NAME; default `node-<port>`. */
  name?: string;
  port: number;
  /** IS_ACTIVE; default true. */
  isActive?: boolean;
  /** PEER_URL. */
  peers?: readonly string[];
  /** Any other setting; these override everything above. */
  env?: Readonly<Record<string, string | undefined>>;
}

/** A node as a process of its own, as in production. The object stays the same through every start. */
export class NodeProcess {
  readonly name: string;
  readonly port: number;
  /** Its address. */
  readonly url: string;
  readonly #env: Readonly<Record<string, string | undefined>>;
  #child: ChildProcess | null = null;
  #exit: Promise<ProcessExit> | null = null;
  #lines: string[] = [];
  #entries: LogEntry[] = [];
  #frozen = false;

  constructor(options: NodeProcessOptions) {
    this.port = options.port;
    this.name = options.name ?? `node-${options.port}`;
    this.url = `http://localhost:${options.port}`;
    this.#env = {
      DATABASE_URL: options.databaseUrl,
      PORT: String(options.port),
      NODE_NAME: this.name,
      IS_ACTIVE: String(options.isActive ?? true),
      PEER_URL: (options.peers ?? []).join(','),
      LOG_FORMAT: 'json',
      PLANTAO_NO_DOTENV: '1',
      ...options.env,
    };
  }

  /** The pid of its process; null while it has none. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** Its output through every start: the newest 20,000 lines. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** The log entries of its output. */
  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** The entries whose `event` is this, oldest first. */
  events(event: string): LogEntry[] {
    return this.#entries.filter((entry) => entry.event === event);
  }

  /** The arguments with which Node.js starts a node. */
  protected get program(): string[] {
    return programArguments('main');
  }

  /** Called with every line of its output. */
  protected onLine(_line: string): void {}

  /**
   * Starts its process, in a session of its own, without waiting until it serves. Ctrl-C reaches only the caller, which then stops
   * it.
   */
  spawn(): void {
    if (this.#child) throw new Error(`${this.name} is already running`);
    const child = spawn(process.execPath, this.program, {
      cwd: PACKAGE_ROOT,
      env: this.#env,
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#frozen = false;
    const guard = child.pid === undefined ? null : guardAgainstOrphaning(child.pid, { first: 'KILL', last: 'KILL' });
    this.#exit = new Promise((resolve) => {
      // A process that could not be created has no other end.
      child.once('error', (error) => this.#take(`cannot start Node.js: ${error.message}`));
      // 'close' and not 'exit': all its output has arrived then.
      child.once('close', (code, signal) => {
        guard?.release();
        this.#child = null;
        resolve({ code, signal });
      });
    });
    for (const output of [child.stdout, child.stderr]) if (output) this.#read(output);
  }

  #read(output: Readable): void {
    createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => this.#take(line));
  }

  #take(line: string): void {
    this.#lines.push(line);
    this.onLine(line);
    if (line.startsWith('{')) {
      try {
        this.#entries.push(JSON.parse(line));
      } catch {
        // Not a log entry.
      }
    }
    if (this.#lines.length > MAX_LINES) this.#lines.splice(0, MAX_LINES / 10);
    if (this.#entries.length > MAX_LINES) this.#entries.splice(0, MAX_LINES / 10);
  }

  /** Sends a signal; kill -9 by default. Does nothing without a process. */
  kill(signal: NodeJS.Signals = 'SIGKILL'): void {
    this.#child?.kill(signal);
  }

  /** Sends SIGSTOP: its sockets stay open, its kernel acknowledges for it, and it does nothing. */
  freeze(): void {
    this.kill('SIGSTOP');
    this.#frozen = true;
  }

  /** Undoes {@link freeze}. */
  thaw(): void {
    this.kill('SIGCONT');
    this.#frozen = false;
  }

  /** Resolves when its process has exited and all its output has arrived; null if none ever ran. */
  async waitForExit(within = STOP_TIMEOUT_MS): Promise<ProcessExit | null> {
    if (this.#exit === null) return null;
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(new Error(`${this.name} did not end within ${within} ms`)), within);
    });
    try {
      return await Promise.race([this.#exit, late]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Sends SIGTERM; if that does not end it, kills it and fails. Does nothing without a process. */
  async stop(): Promise<void> {
    if (this.#child === null) return;
    if (this.#frozen) this.thaw();
    this.kill('SIGTERM');
    try {
      await this.waitForExit();
    } catch (error) {
      this.kill('SIGKILL');
      await this.waitForExit();
      throw error;
    }
  }
}
