import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { HISTORY_FILE, openHistory, type RunHistory } from '../history/run-history.ts';
import { DatabaseObserver } from './database-observer.ts';
import { SupervisedNode, type SupervisedNodeOptions } from './supervised-node.ts';

/** Options of a {@link NodeRig}. */
export interface NodeRigOptions {
  /** Folder for the history and the nodes' logs. */
  folder: string;
  nodes: number;
  leaseMs: number;
  /** Gets the time of each acknowledged post, on the clock of the history. */
  onAcknowledged?: (time: number) => void;
  /** Other settings and the environment of the nodes. */
  env?: SupervisedNodeOptions['env'];
  /** Creates a node's process; default: the node of this package. */
  createProcess?: SupervisedNodeOptions['createProcess'];
}

/** The database of a run: one server, or a set that fails over. */
export interface RigDatabase {
  /** The URL for nodes. */
  url: string;
  /** DATABASE_DIRECT_URL, if `url` names a transaction pooler. */
  directUrl?: string | null;
  /** Leads to the writable server; default: `url`. */
  observerUrl?: string;
  /** Stops its servers and removes their data. */
  remove(): Promise<void>;
}

/** Nodes behind proxies, a database observer and a history: what writers and readers of a run work with. */
export class NodeRig {
  readonly history: RunHistory;
  readonly folder: string;
  readonly leaseMs: number;
  readonly observer: DatabaseObserver;
  readonly nodes: SupervisedNode[] = [];
  readonly #options: NodeRigOptions;
  readonly #database: RigDatabase;

  constructor(options: NodeRigOptions, database: RigDatabase) {
    this.#options = options;
    this.folder = options.folder;
    this.leaseMs = options.leaseMs;
    this.history = openHistory(path.join(options.folder, HISTORY_FILE), options.onAcknowledged);
    this.#database = database;
    this.observer = new DatabaseObserver(database.observerUrl ?? database.url, this.history);
  }

  /** Starts all parts. Resolves when every node is serving. Stops what it has started if a part fails to start. */
  async start(nodes: number): Promise<void> {
    try {
      await this.observer.start();
      await this.#startNodes(nodes);
    } catch (error) {
      await this.stop();
      throw error;
    }
  }

  async #startNodes(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const name = String.fromCharCode('a'.charCodeAt(0) + index);
      const { history, leaseMs } = this;
      const { url: databaseUrl, directUrl = null } = this.#database;
      const { env = {}, createProcess } = this.#options;
      const options = { name, databaseUrl, directUrl, leaseMs, history, env, ...(createProcess && { createProcess }) };
      this.nodes.push(await SupervisedNode.prepare(options));
    }
    for (const [index, node] of this.nodes.entries()) {
      const peers = this.nodes.filter((other) => other !== node).map(({ peerUrl }) => peerUrl);
      node.start(peers, index === 0);
    }
    await Promise.all(this.nodes.map((node) => node.waitUntilServing()));
  }

  /** The node that holds the newest term, as last observed. */
  get active(): SupervisedNode | null {
    return this.nodes.find(({ name }) => name === this.observer.activeNode) ?? null;
  }

  /** Returns the node that an `active_url` names, or null if it is not a node of this rig. */
  byUrl(url: unknown): SupervisedNode | null {
    if (typeof url !== 'string') return null;
    const { port } = new URL(url);
    return this.nodes.find((node) => new URL(node.url).port === port || node.peerProxy.port === Number(port)) ?? null;
  }

  /**
   * A `fetch` for clients. Nodes name each other by the address of the peer proxy, which only peers may use; this sends
   * the request to the node directly.
   */
  readonly fetch: typeof fetch = (input, init) => {
    const target = new URL(input instanceof Request ? input.url : input);
    const node = this.byUrl(target.origin);
    return fetch(node ? new URL(target.pathname + target.search, node.url) : target, init);
  };

  /** Kills all nodes at once, before {@link stop}. */
  kill(): void {
    for (const node of this.nodes) node.kill();
  }

  /** Stops all parts, removes the data, and writes the nodes' logs beside the history. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    mkdirSync(this.folder, { recursive: true });
    for (const node of this.nodes) {
      writeFileSync(path.join(this.folder, `node-${node.name}.log`), `${node.lines.join('\n')}\n`);
    }
    await this.observer.stop();
    await this.#database.remove();
    this.history.close();
  }
}
