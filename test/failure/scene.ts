import type pg from 'pg';
import { seedData } from '../../src/local-cluster/demo-data.ts';
import { OneActiveWatch } from '../../src/prove/rig/one-active-watch.ts';
import { eventually } from '../support/eventually.ts';
import { freePort } from '../support/network/free-port.ts';
import { get, type JsonObject, post } from '../support/network/http.ts';
import { type LogEntry, NodeProcess } from '../support/nodes/node-process.ts';
import { Bystander } from './coordination/bystander.ts';
import { type Gap, GapMeter } from './gap-meter.ts';

export interface SceneOptions {
  /** A migrated database that the test itself can reach whatever fault it injects. */
  databaseUrl: string;
  /** Default 2. */
  nodes?: number;
  /** LEASE_MS; default 1000, to keep the tests short. */
  leaseMs?: number;
  /** Milliseconds from one post to a node to the next; default 10. */
  everyMs?: number;
  /** For all nodes. */
  env?: Record<string, string>;
  /** Modules to load before each node's own. */
  imports?: readonly string[];
  /** For each node by its number; wins over everything else. */
  envOf?: (index: number) => Record<string, string>;
}

/** The effects of a fault. */
export interface Aftermath {
  /** The longest time without an accepted post since the fault. */
  gap: Gap;
  /** Returns the entries that a node has logged since the fault, at level info or above. */
  logOf(node: NodeProcess): LogEntry[];
}

/**
 * A cluster with a client that posts to every node all the time and a watch that there is one active node. A test breaks
 * something, and waits until the service has recovered by itself.
 */
export class Scene {
  readonly nodes: NodeProcess[];
  readonly databaseUrl: string;
  readonly leaseMs: number;
  readonly meter: GapMeter;
  /** The user who posts, and the group. */
  readonly ids: { userId: number; groupId: number };
  readonly #watch: OneActiveWatch;
  readonly #bystander: Bystander;

  private constructor(nodes: NodeProcess[], ids: { userId: number; groupId: number }, options: SceneOptions) {
    const urls = nodes.map(({ url }) => url);
    this.nodes = nodes;
    this.ids = ids;
    this.databaseUrl = options.databaseUrl;
    this.leaseMs = options.leaseMs ?? 1000;
    this.meter = new GapMeter({ urls, ...ids, everyMs: options.everyMs ?? 20 });
    this.#watch = new OneActiveWatch(urls);
    this.#bystander = new Bystander(options.databaseUrl);
  }

  /** Starts the nodes and resolves when one is active, all know it, and posts are accepted. */
  static async open(options: SceneOptions): Promise<Scene> {
    await seedData(options.databaseUrl);
    const ids = await demoIds(options.databaseUrl);
    const { databaseUrl, nodes: count = 2, leaseMs = 1000, env = {}, envOf = () => ({}), imports = [] } = options;
    const ports = await Promise.all(Array.from({ length: count }, freePort));
    const urls = ports.map((port) => `http://localhost:${port}`);
    const nodes = ports.map((port, index) => {
      const name = `node-${'abcdefgh'[index]}`;
      const peers = urls.filter((_, other) => other !== index);
      const more = { LEASE_MS: String(leaseMs), DB_POOL_SIZE: '4', ...env, ...envOf(index) };
      return new NodeProcess({ databaseUrl, port, name, isActive: index === 0, peers, env: more, imports });
    });
    const scene = new Scene(nodes, ids, options);
    try {
      await scene.sql('SELECT');
      await Promise.all(nodes.map((node) => node.start()));
      scene.#watch.start();
      scene.meter.start();
      await scene.untilSettled();
    } catch (error) {
      await scene.close().catch(() => undefined);
      throw error;
    }
    return scene;
  }

  /** Returns the node that claims to be active. */
  async active(): Promise<NodeProcess> {
    const names = await Promise.all(this.nodes.map((node) => this.health(node)));
    const active = this.nodes.filter((_, index) => names[index]?.active === true);
    if (active.length !== 1 || !active[0]) throw new Error(`${active.length} nodes are active`);
    return active[0];
  }

  /** Returns the other nodes. */
  async standbys(): Promise<NodeProcess[]> {
    const active = await this.active();
    return this.nodes.filter((node) => node !== active);
  }

  /** Returns a node's health; null if it does not respond. */
  async health(node: NodeProcess): Promise<JsonObject | null> {
    if (node.pid === null) return null;
    return get(`${node.url}/health`, { deadline: 500 }).then(
      ({ body }) => body,
      () => null,
    );
  }

  /** Resolves when every running node serves, one is active, all know it, and posts are accepted. */
  async untilSettled(within = 20_000): Promise<void> {
    await eventually(
      'the cluster settles',
      async () => {
        const running = this.nodes.filter(({ pid }) => pid !== null);
        const all = await Promise.all(running.map((node) => this.health(node)));
        const ready = await Promise.all(running.map((node) => get(`${node.url}/readiness`, { deadline: 500 })));
        const active = all.filter((one) => one?.active === true);
        const since = performance.now() - 100;
        const isPosting = this.meter.accepted(since).length > 0;
        const isKnown = all.every((one) => one?.active_node === active[0]?.node);
        const peers = (active[0]?.peers ?? []) as { alive: boolean }[];
        const isAcquainted = peers.filter(({ alive }) => alive).length === running.length - 1;
        const isReady = ready.every(({ status }) => status === 200);
        return active.length === 1 && isKnown && isAcquainted && isPosting && isReady;
      },
      { within },
    );
  }

  /**
   * Breaks something with `fault`. Waits until another term has begun (unless it `keepsTerm`) and posts are accepted
   * again, measures the gap, repairs with `mend`, and waits {@link untilSettled}.
   */
  async broken(
    fault: () => unknown,
    { mend, keepsTerm = false, within = 20_000 }: { mend?: () => unknown; keepsTerm?: boolean; within?: number } = {},
  ): Promise<Aftermath> {
    const lines = new Map(this.nodes.map((node) => [node, node.entries.length]));
    const term = await this.#openTerm();
    const since = performance.now();
    await fault();
    const patience = { within, every: 5 };
    if (!keepsTerm) await eventually('another term begins', async () => (await this.#openTerm()) > term, patience);
    const now = performance.now();
    await eventually('posts are accepted again', () => this.meter.accepted(now).length > 0, patience);
    const gap = this.meter.longestGap(since);
    await mend?.();
    await this.untilSettled();
    return { gap, logOf: (node) => node.entries.slice(lines.get(node)) };
  }

  /** Returns the open term, or 0. */
  async #openTerm(): Promise<number> {
    const [row] = await this.sql<{ term: number }>(
      'SELECT max(term)::int AS term FROM plantao.leader_terms WHERE ended_at IS NULL',
    );
    return row?.term ?? 0;
  }

  /** Runs SQL in a session of the test. */
  sql<Row extends pg.QueryResultRow>(text: string, values: unknown[] = []): Promise<Row[]> {
    return this.#bystander.sql<Row>(text, values);
  }

  /** Posts once to `node`, without a key. */
  post(node: NodeProcess): Promise<{ status: number; body: JsonObject }> {
    return post(`${node.url}/messages`, { ...this.ids, content: 'one post' });
  }

  /**
   * Stops everything. @throws Error if two nodes were active at the same time, if an acknowledged message is not in the
   * database, or if terms overlap.
   */
  async close(): Promise<void> {
    const problems: unknown[] = [];
    const note = (error: unknown) => void problems.push(error);
    await this.meter.stop();
    await this.#watch.stop().catch(note);
    await this.#checkKept().catch(note);
    for (const node of [...this.nodes].reverse()) await node.stop().catch(note);
    await this.#bystander.end();
    if (problems.length > 0) throw problems[0];
  }

  async #checkKept(): Promise<void> {
    const ids = this.meter.accepted().map(({ messageId }) => messageId);
    const lost = await this.sql<{ id: string }>(
      'SELECT id FROM unnest($1::bigint[]) AS given (id) WHERE NOT EXISTS (SELECT FROM plantao.messages m WHERE m.id = given.id)',
      [ids],
    );
    if (lost.length > 0) throw new Error(`${lost.length} acknowledged messages are lost, ${lost[0]?.id} among them`);
    if (new Set(ids).size < ids.length) throw new Error('two posts got the same message');
    const overlaps = await this.sql("SELECT term FROM plantao.leader_history WHERE gap < interval '0'");
    if (overlaps.length > 0) throw new Error(`terms overlap: ${JSON.stringify(overlaps)}`);
  }
}

async function demoIds(databaseUrl: string): Promise<{ userId: number; groupId: number }> {
  const bystander = new Bystander(databaseUrl);
  const [ids] = await bystander.sql<{ user: number; group: number }>(
    "SELECT u.id::int AS user, g.id::int AS group FROM plantao.users u, plantao.groups g WHERE username = 'ana_orm' LIMIT 1",
  );
  await bystander.end();
  if (!ids) throw new Error('there is no demo data');
  return { userId: ids.user, groupId: ids.group };
}
