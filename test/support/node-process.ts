import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { guardAgainstOrphaning } from '../../src/local-cluster/embedded/orphan-guard.ts';
import { eventually, type Patience } from './eventually.ts';
import { freePort } from './free-port.ts';
import { programOf } from './node-build.ts';
import { noteWarning } from './process-warnings.ts';
import { track } from './tracked.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** A start on a busy machine has taken tens of seconds. */
const START_WITHIN_MS = 60_000;
/** Longer than a node gives its own clients at a stop. */
const STOP_WITHIN_MS = 15_000;
const LINES_KEPT = 20_000;

/** One line of a node's log. */
export interface LogEntry {
  level: number;
  time: number;
  node: string;
  msg: string;
  event?: string;
  [name: string]: unknown;
}

/** Options of a {@link NodeProcess}. */
export interface NodeOptions {
  databaseUrl: string;
  /** NODE_NAME; default `node-<port>`. */
  name?: string;
  /** Default: a free port. */
  port?: number;
  /** IS_ACTIVE; default true. */
  isActive?: boolean;
  /** PEER_URL. */
  peers?: string[];
  /** Any other setting; these win over everything above. */
  env?: Record<string, string>;
  /** Modules to load before the node's own, by their path in this project; they import only modules of Node.js. */
  imports?: readonly string[];
}

/** A node as a process of its own, as in production. The same object through every start. */
export class NodeProcess {
  readonly name: string;
  readonly port: number;
  /** Its address. */
  readonly url: string;
  readonly #env: Record<string, string>;
  readonly #imports: readonly string[];
  #child: ChildProcess | null = null;
  #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }> | null = null;
  #lines: string[] = [];
  #entries: LogEntry[] = [];
  #frozen = false;

  constructor(options: NodeOptions & { port: number }) {
    this.port = options.port;
    this.name = options.name ?? `node-${options.port}`;
    this.url = `http://localhost:${options.port}`;
    this.#imports = options.imports ?? [];
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
    track({ owner: this.name, pid: () => this.pid, kill: () => this.kill('SIGKILL') });
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

  /** Starts its process without waiting until it serves. */
  spawn(): void {
    if (this.#child) throw new Error(`${this.name} runs already`);
    const { PATH = '', HOME = '', TMPDIR = '' } = process.env;
    const child = spawn(process.execPath, programOf('main', this.#imports), {
      cwd: PROJECT,
      env: { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#frozen = false;
    const guard = child.pid === undefined ? null : guardAgainstOrphaning(child.pid, { first: 'KILL', last: 'KILL' });
    this.#exit = new Promise((resolve) => {
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
    createInterface({ input: output, crlfDelay: Number.POSITIVE_INFINITY }).on('line', (line) => {
      this.#lines.push(line);
      noteWarning(this.name, line);
      if (line.startsWith('{')) {
        try {
          this.#entries.push(JSON.parse(line));
        } catch {
          // Not a log entry.
        }
      }
      if (this.#lines.length > LINES_KEPT) this.#lines.splice(0, LINES_KEPT / 10);
      if (this.#entries.length > LINES_KEPT) this.#entries.splice(0, LINES_KEPT / 10);
    });
  }

  /** Starts its process and resolves when it serves. Fails with its output if it exits or takes too long. */
  async start(): Promise<void> {
    const served = this.events('listening').length;
    this.spawn();
    try {
      await eventually(
        `${this.name} serves`,
        () => {
          if (this.#child === null) return 'ended';
          return this.events('listening').length > served && 'serves';
        },
        { within: START_WITHIN_MS },
      ).then((outcome) => {
        if (outcome === 'ended') throw new Error(`${this.name} ended instead of serving`);
      });
    } catch (error) {
      this.kill('SIGKILL');
      const said = this.#lines.slice(-30).join('\n');
      throw new Error(`${error instanceof Error ? error.message : error}; it said:\n${said}`, { cause: error });
    }
  }

  /** Waits for the first log entry that `matches` and is younger than entry number `since` (default: any). */
  async logged(
    what: string,
    matches: (entry: LogEntry) => boolean,
    patience: Patience & { since?: number } = {},
  ): Promise<LogEntry> {
    const { since = 0, ...rest } = patience;
    return eventually(`${this.name} logs ${what}`, () => this.#entries.slice(since).find(matches), rest);
  }

  /** Sends a signal; kill -9 by default. Harmless where there is no process. */
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
  async waitForExit(within = STOP_WITHIN_MS): Promise<{ code: number | null; signal: NodeJS.Signals | null } | null> {
    const exit = this.#exit;
    await eventually(`${this.name} ends`, () => this.#child === null, { within, every: 5 });
    return exit;
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

/** Starts one node and resolves when it serves. */
export async function startNode(options: NodeOptions): Promise<NodeProcess> {
  const node = new NodeProcess({ ...options, port: options.port ?? (await freePort()) });
  await node.start();
  return node;
}

/** Options of {@link startCluster}. */
export interface ClusterOptions {
  databaseUrl: string;
  /** The number of nodes; default 2. */
  nodes?: number;
  /** For all of them. */
  env?: Record<string, string>;
}

/** Several nodes with each other as PEER_URL; the first has IS_ACTIVE=true. */
export interface TestCluster {
  nodes: NodeProcess[];
  /** Stops every node, the standbys first. */
  stop(): Promise<void>;
}

/** Starts the nodes of a cluster together and resolves when all serve. */
export async function startCluster({ databaseUrl, nodes: count = 2, env = {} }: ClusterOptions): Promise<TestCluster> {
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const urls = ports.map((port) => `http://localhost:${port}`);
  const nodes = ports.map((port, index) => {
    const peers = urls.filter((_, other) => other !== index);
    return new NodeProcess({ databaseUrl, port, isActive: index === 0, peers, env });
  });
  const stop = async () => {
    for (const node of [...nodes].reverse()) await node.stop();
  };
  try {
    await Promise.all(nodes.map((node) => node.start()));
  } catch (error) {
    for (const node of nodes) node.kill();
    await Promise.all(nodes.map((node) => node.waitForExit()));
    throw error;
  }
  return { nodes, stop };
}
