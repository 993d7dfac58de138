import {
  NodeProcess as BareNodeProcess,
  type LogEntry,
  type NodeProcessOptions,
} from '../../../src/prove/rig/node-process.ts';
import { eventually, type Patience } from '../eventually.ts';
import { freePort } from '../network/free-port.ts';
import { noteWarning } from '../run/process-warnings.ts';
import { track } from '../run/tracked.ts';
import { programOf } from './node-build.ts';

export type { LogEntry } from '../../../src/prove/rig/node-process.ts';

/** A start on a busy machine has taken tens of seconds. */
const START_TIMEOUT_MS = 60_000;

/** Options of a {@link NodeProcess}. */
export interface NodeOptions extends Omit<NodeProcessOptions, 'port'> {
  /** Default: a free port. */
  port?: number;
  /** Modules to load before the node's own, by their path in this project; they import only modules of Node.js. */
  imports?: readonly string[];
}

/** A node of a test: it starts from the build, the root hook knows it, and its warnings fail the test. */
export class NodeProcess extends BareNodeProcess {
  readonly #imports: readonly string[];

  constructor(options: NodeOptions & { port: number }) {
    const { PATH = '', HOME = '', TMPDIR } = process.env;
    super({ ...options, env: { PATH, HOME, TMPDIR, ...options.env } });
    this.#imports = options.imports ?? [];
    track({ owner: this.name, pid: () => this.pid, kill: () => this.kill('SIGKILL') });
  }

  protected override get program(): string[] {
    return programOf('main', this.#imports);
  }

  protected override onLine(line: string): void {
    noteWarning(this.name, line);
  }

  /** Starts its process and resolves when it serves. Fails with its output if it exits or takes too long. */
  async start(): Promise<void> {
    const served = this.events('listening').length;
    this.spawn();
    try {
      await eventually(
        `${this.name} serves`,
        () => {
          if (this.pid === null) return 'ended';
          return this.events('listening').length > served && 'serves';
        },
        { within: START_TIMEOUT_MS },
      ).then((outcome) => {
        if (outcome === 'ended') throw new Error(`${this.name} ended instead of serving`);
      });
    } catch (error) {
      this.kill('SIGKILL');
      const said = this.lines.slice(-30).join('\n');
      throw new Error(`${error instanceof Error ? error.message : error}; it said:\n${said}`, { cause: error });
    }
  }

  /** Waits for the first log entry that `matches` and is younger than entry number `since` (default: any). */
  async untilLogged(
    what: string,
    matches: (entry: LogEntry) => boolean,
    patience: Patience & { since?: number } = {},
  ): Promise<LogEntry> {
    const { since = 0, ...rest } = patience;
    return eventually(`${this.name} logs ${what}`, () => this.entries.slice(since).find(matches), rest);
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
  /** For all of them, as in {@link NodeOptions}. */
  imports?: readonly string[];
}

/** Several nodes with each other as PEER_URL; the first has IS_ACTIVE=true. */
export interface TestCluster {
  nodes: NodeProcess[];
  /** Stops every node, the standbys first. */
  stop(): Promise<void>;
}

/** Starts the nodes of a cluster together and resolves when all serve. */
export async function startCluster({
  databaseUrl,
  nodes: count = 2,
  env = {},
  imports = [],
}: ClusterOptions): Promise<TestCluster> {
  const ports = await Promise.all(Array.from({ length: count }, freePort));
  const urls = ports.map((port) => `http://localhost:${port}`);
  const nodes = ports.map((port, index) => {
    const peers = urls.filter((_, other) => other !== index);
    return new NodeProcess({ databaseUrl, port, isActive: index === 0, peers, env, imports });
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
