import { type ChildProcess, spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import type { Readable } from 'node:stream';
import { fileURLToPath } from 'node:url';
import { guardAgainstOrphaning } from '../../src/local-cluster/embedded/orphan-guard.ts';
import { eventually, type Patience } from './eventually.ts';
import { freePort } from './free-port.ts';
import { nodeProgram } from './node-build.ts';
import { noteWarning } from './process-warnings.ts';
import { track } from './tracked.ts';

const PROJECT = fileURLToPath(new URL('../..', import.meta.url));
/** A node compiles its sources at each start; on a machine with two busy cores that has taken seconds. */
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

/** What a node is started with. */
export interface NodeOptions {
  databaseUrl: string;
  /** NODE_NAME; default `node-<port>`. */
  name?: string;
  /** Default: a free one. */
  port?: number;
  /** IS_ACTIVE; default true. */
  isActive?: boolean;
  /** PEER_URL. */
  peers?: string[];
  /** Any other setting; these win over everything above. */
  env?: Record<string, string>;
  /** Modules of this project to load before the node's own, by their path in it. */
  imports?: string[];
}

/** A real node: a process of its own, of `src/main.ts`. The same object through every start of it. */
export class NodeProcess {
  readonly name: string;
  readonly port: number;
  /** What it is reached by. */
  readonly url: string;
  readonly #env: Record<string, string>;
  readonly #imports: string[];
  #child: ChildProcess | null = null;
  #exit: Promise<{ code: number | null; signal: NodeJS.Signals | null }> | null = null;
  #lines: string[] = [];
  #entries: LogEntry[] = [];
  #frozen = false;

  constructor(options: NodeOptions & { port: number }) {
    this.port = options.port;
    this.name = options.name ?? `node-${options.port}`;
    this.url = `http://localhost:${options.port}`;
    this.#imports = (options.imports ?? []).map((path) => `./${path}`);
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

  /** Of its process; null while it has none. */
  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** All it has printed, through every start: the newest 20 000 lines. */
  get lines(): readonly string[] {
    return this.#lines;
  }

  /** What of it was log entries. */
  get entries(): readonly LogEntry[] {
    return this.#entries;
  }

  /** The entries whose `event` is this, oldest first. */
  events(event: string): LogEntry[] {
    return this.#entries.filter((entry) => entry.event === event);
  }

  /** Starts its process without waiting for anything. */
  spawn(): void {
    if (this.#child) throw new Error(`${this.name} runs already`);
    const { PATH = '', HOME = '', TMPDIR = '' } = process.env;
    const child = spawn(process.execPath, nodeProgram(this.#imports), {
      cwd: PROJECT,
      env: { PATH, HOME, ...(TMPDIR ? { TMPDIR } : {}), ...this.#env },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    this.#child = child;
    this.#frozen = false;
    const guard = child.pid === undefined ? null : guardAgainstOrphaning(child.pid, { first: 'KILL', last: 'KILL' });
    this.#exit = new Promise((resolve) => {
      // 'close' and not 'exit': its last words have arrived then.
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
          // Not the log's: a line like any other.
        }
      }
      if (this.#lines.length > LINES_KEPT) this.#lines.splice(0, LINES_KEPT / 10);
      if (this.#entries.length > LINES_KEPT) this.#entries.splice(0, LINES_KEPT / 10);
    });
  }

  /** Starts its process and resolves when it serves. Fails with what it has printed when it ends or takes too long. */
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

  /** SIGSTOP: its sockets stay open, its kernel answers for it, and it does nothing. */
  freeze(): void {
    this.kill('SIGSTOP');
    this.#frozen = true;
  }

  /** Undoes {@link freeze}. */
  thaw(): void {
    this.kill('SIGCONT');
    this.#frozen = false;
  }

  /** Resolves when its process has ended and all its output has arrived; null where none ever ran. */
  async waitForExit(within = STOP_WITHIN_MS): Promise<{ code: number | null; signal: NodeJS.Signals | null } | null> {
    const exit = this.#exit;
    await eventually(`${this.name} ends`, () => this.#child === null, { within, every: 5 });
    return exit;
  }

  /** SIGTERM, and kill -9 with an error where that is not enough. Harmless where there is no process. */
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

/** What {@link startCluster} starts. */
export interface ClusterOptions {
  databaseUrl: string;
  /** How many; default 2. */
  nodes?: number;
  /** For all of them. */
  env?: Record<string, string>;
}

/** Several nodes that know each other; the first has IS_ACTIVE=true. */
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
