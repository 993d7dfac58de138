import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres.ts';
import { DatabaseObserver } from './database-observer.ts';
import { type History, openHistory } from './history.ts';
import { SupervisedNode } from './supervised-node.ts';

/** Options of a {@link TestRig}. */
export interface TestRigOptions {
  /** Folder for the history and the nodes' logs. */
  folder: string;
  nodes: number;
  leaseMs: number;
}

/** The environment of a chaos run: PostgreSQL with fsync on, nodes behind proxies, a database observer, a history. */
export class TestRig {
  readonly history: History;
  readonly folder: string;
  readonly leaseMs: number;
  readonly postgres: OwnPostgres;
  readonly observer: DatabaseObserver;
  readonly nodes: SupervisedNode[] = [];

  private constructor(options: TestRigOptions, history: History, postgres: OwnPostgres) {
    this.folder = options.folder;
    this.leaseMs = options.leaseMs;
    this.history = history;
    this.postgres = postgres;
    this.observer = new DatabaseObserver(postgres.url, history);
  }

  /** Starts all parts. Resolves when every node is serving. Stops what it has started if a part fails to start. */
  static async start(options: TestRigOptions): Promise<TestRig> {
    const history = openHistory(path.join(options.folder, 'history.ndjson'));
    const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=200'] });
    const rig = new TestRig(options, history, postgres);
    try {
      await rig.observer.start();
      await rig.#startNodes(options.nodes);
    } catch (error) {
      await rig.stop();
      throw error;
    }
    return rig;
  }

  async #startNodes(count: number): Promise<void> {
    for (let index = 0; index < count; index += 1) {
      const name = String.fromCharCode('a'.charCodeAt(0) + index);
      const { history, leaseMs, postgres } = this;
      this.nodes.push(await SupervisedNode.prepare({ name, databaseUrl: postgres.url, leaseMs, history }));
    }
    for (const [index, node] of this.nodes.entries()) {
      const peers = this.nodes.filter((other) => other !== node).map(({ peerUrl: doorUrl }) => doorUrl);
      node.start(peers, index === 0);
    }
    await Promise.all(this.nodes.map((node) => node.waitUntilServing()));
  }

  /** The node that holds the newest term, as last observed. */
  get active(): SupervisedNode | null {
    return this.nodes.find(({ name }) => name === this.observer.owner) ?? null;
  }

  /** Returns the node that an `active_url` names, or null if it is none of this rig. */
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

  /** Stops all parts, removes the data, and writes the nodes' logs beside the history. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    mkdirSync(this.folder, { recursive: true });
    for (const node of this.nodes) {
      writeFileSync(path.join(this.folder, `node-${node.name}.log`), `${node.lines.join('\n')}\n`);
    }
    await this.observer.stop();
    await this.postgres.remove();
    this.history.close();
  }
}
