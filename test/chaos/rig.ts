import { mkdirSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { type OwnPostgres, startPostgresOfItsOwn } from '../support/postgres.ts';
import { type History, openHistory } from './history.ts';
import { SupervisedNode } from './supervised-node.ts';
import { Witness } from './witness.ts';

/** What a {@link Rig} is made of. */
export interface RigOptions {
  /** Where the history and the nodes' logs go. */
  folder: string;
  nodes: number;
  leaseMs: number;
}

/** Everything that a chaos run stands on: Postgres with fsync on, nodes behind proxies, a witness, a history. */
export class Rig {
  readonly history: History;
  readonly folder: string;
  readonly leaseMs: number;
  readonly postgres: OwnPostgres;
  readonly witness: Witness;
  readonly nodes: SupervisedNode[] = [];

  private constructor(options: RigOptions, history: History, postgres: OwnPostgres) {
    this.folder = options.folder;
    this.leaseMs = options.leaseMs;
    this.history = history;
    this.postgres = postgres;
    this.witness = new Witness(postgres.url, history);
  }

  /** Starts all of it and resolves when every node serves and one is on duty. Ends what it started where that fails. */
  static async start(options: RigOptions): Promise<Rig> {
    const history = openHistory(path.join(options.folder, 'history.ndjson'));
    const postgres = await startPostgresOfItsOwn({ flags: ['-c', 'max_connections=200'] });
    const rig = new Rig(options, history, postgres);
    try {
      await rig.witness.start();
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
      const peers = this.nodes.filter((other) => other !== node).map(({ doorUrl }) => doorUrl);
      node.begin(peers, index === 0);
    }
    await Promise.all(this.nodes.map((node) => node.listens()));
  }

  /** The node whose term is the newest, as the witness saw it last. */
  get active(): SupervisedNode | null {
    return this.nodes.find(({ name }) => name === this.witness.owner) ?? null;
  }

  /** The straight way to the node that an `active_url` names; null for a name that is no node of ours. */
  byUrl(url: unknown): SupervisedNode | null {
    if (typeof url !== 'string') return null;
    const { port } = new URL(url);
    return this.nodes.find((node) => new URL(node.url).port === port || node.door.port === Number(port)) ?? null;
  }

  /** A `fetch` for clients: they follow the nodes' word to a peer's door, which is for peers; this takes the straight way. */
  readonly fetch: typeof fetch = (input, init) => {
    const asked = new URL(input instanceof Request ? input.url : input);
    const node = this.byUrl(asked.origin);
    return fetch(node ? new URL(asked.pathname + asked.search, node.url) : asked, init);
  };

  /** Ends everything in order, removes the data, and leaves the nodes' logs beside the history. */
  async stop(): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.close()));
    mkdirSync(this.folder, { recursive: true });
    for (const node of this.nodes) {
      writeFileSync(path.join(this.folder, `node-${node.name}.log`), `${node.lines.join('\n')}\n`);
    }
    await this.witness.stop();
    await this.postgres.remove();
    this.history.close();
  }
}
