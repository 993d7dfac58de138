/// <reference lib="dom" />
import {
  ChatError,
  type ClusterActivity,
  type ClusterBlocking,
  type ClusterStatus,
  type ClusterTimeline,
  type Health,
} from '../../../client/index.ts';
import { allowedFetch } from '../../shared/allowed-fetch.ts';
import { type KnownNode, KnownNodes } from '../../shared/known-nodes.ts';
import { Observable } from '../../shared/observable.ts';
import { Polling } from '../../shared/polling.ts';
import type { Blocker } from './api-types.ts';
import { activeOf, assess, type ClusterHealth, isHindered } from './cluster-health.ts';
import { FigureHistory } from './figure-history.ts';
import { callNode, NodeReader } from './node-reader.ts';
import { isFormer, type NodeState, nodeStates, type Probe, REFUSED, responds } from './node-state.ts';
import { loadAdminToken, refusedToken, saveAdminToken } from './operations.ts';

const INTERVAL_MS = 1000;
const HIDDEN_MS = 10_000;
const PROBE_MS = 1500;
/** A node that this browser has never reached, for example behind a proxy, is probed this rarely. */
const UNREACHED_EVERY = 15;
const TIMELINE_EVERY = 5;
const ACTIVITY_EVERY = 2;

/** A response, and when it was received on the page's clock. */
interface Received<T> {
  content: T;
  at: number;
}

/** Watches the cluster: reads `/cluster` from one node, and asks every node for its own state. */
export class Monitor extends Observable {
  cluster: Received<ClusterStatus> | undefined;
  timeline: Received<ClusterTimeline> | undefined;
  activity: ClusterActivity | undefined;
  /** Undefined while it is unknown; a token may be needed. */
  blocking: Blocker[] | undefined;
  auth: Health['auth'] | undefined;
  adminToken = loadAdminToken();
  /** The latest move of the page from one node to another, by their names. */
  moved: { from: string; to: string; at: Date; why: 'silent' | 'fallen' | 'stopped' } | undefined;
  readonly #reader: NodeReader;
  readonly #base: string;
  readonly #known: KnownNodes;
  readonly #probes = new Map<string, Probe>();
  readonly #names = new Map<string, string>();
  readonly #figures = new FigureHistory();
  #failure: string | undefined;
  #missingSince: number | undefined;
  #hinderedAt: number | undefined;
  #lastActive: string | undefined;
  /** Probes run beside the reads: a read that hangs, for example while PostgreSQL stalls, must not delay them. */
  readonly #probing = everySecond((turn) => this.#probeAll(turn));
  readonly #reading = everySecond((turn) => this.#readAll(turn));

  constructor(base: string) {
    super();
    this.#base = base;
    this.#known = new KnownNodes(base, () => localStorage, allowedFetch);
    this.#reader = new NodeReader(base, (from, to) => {
      this.moved = { from: this.nameOf(from), to: this.nameOf(to), at: new Date(), why: 'silent' };
    });
  }

  /** The name or address of the node that the page reads from. */
  get readsFrom(): string {
    return this.nameOf(this.#reader.current);
  }

  /** The address of that node. */
  get readsFromUrl(): string {
    return this.#reader.current;
  }

  /** True while any node responds. */
  get isConnected(): boolean {
    return this.#responds;
  }

  /** How long ago the page last read the state of the cluster; undefined before it has. */
  get ageMs(): number | undefined {
    return this.cluster && performance.now() - this.cluster.at;
  }

  get nodes(): NodeState[] {
    const at = { rowAt: this.cluster?.at ?? 0, now: performance.now() };
    return nodeStates(this.cluster?.content.nodes ?? [], at, this.#probes);
  }

  get active(): NodeState | undefined {
    return activeOf(this.nodes);
  }

  get health(): ClusterHealth {
    const now = performance.now();
    return assess({
      ...{ now, nodes: this.nodes, failure: this.#failure, missingSince: this.#missingSince },
      hinderedAt: this.#hinderedAt,
      ...{ responds: this.#responds, endedAgoMs: this.#endedAgoMs(now), isBlocked: (this.blocking ?? []).length > 0 },
      cluster: this.cluster?.content,
      clusterAt: this.cluster?.at ?? now,
    });
  }

  /** Returns the name of the node at that address, or the address if the name is unknown. */
  nameOf(url: string): string {
    return this.#names.get(url) ?? url.replace(/^https?:\/\//, '');
  }

  /** Uses another admin token; undefined forgets it. */
  setAdminToken(token: string | undefined): void {
    this.adminToken = token;
    saveAdminToken(token);
    this.blocking = undefined;
    void this.refresh();
  }

  /** Uses the admin token if the nodes accept it. @throws {ChatError} `wrong_admin_token` if they do not. */
  async tryAdminToken(token: string): Promise<void> {
    try {
      await this.#reader.read('/cluster/blocking', token);
    } catch (error) {
      throw refusedToken(error) ?? error;
    }
    this.setAdminToken(token);
  }

  /** Reads now, and then every second. */
  async refresh(): Promise<void> {
    await Promise.all([this.#probing.refresh(), this.#reading.refresh()]);
  }

  async #probeAll(turn: number): Promise<void> {
    await Promise.all(this.#addresses().map(([name, url]) => this.#probe(name, url, turn)));
  }

  async #readAll(turn: number): Promise<void> {
    await Promise.all([
      this.#readCluster(),
      ...(turn % TIMELINE_EVERY === 0 || this.#isTimelineBehind ? [this.#readTimeline()] : []),
      ...(turn % ACTIVITY_EVERY === 0 ? [this.#readActivity(), this.#readBlocking()] : []),
    ]);
  }

  get #responds(): boolean {
    return this.#failure === undefined || [...this.#probes.values()].some(responds);
  }

  /** Returns the nodes to probe. The page's own address has no name until its node has responded. */
  #addresses(): [name: string | undefined, url: string][] {
    const rows = (this.cluster?.content.nodes ?? []).filter((row) => !isFormer(row));
    const known = rows.map(({ node, url }): [string, string] => [node, trimmed(url)]);
    const isNodeKnown = known.some(([, url]) => url === this.#base);
    return isNodeKnown ? known : [...known, [undefined, this.#base]];
  }

  async #readCluster(): Promise<void> {
    try {
      const content = await this.#reader.read<ClusterStatus>('/cluster');
      this.cluster = { content, at: performance.now() };
      this.#failure = undefined;
      for (const { node, url } of content.nodes) this.#names.set(trimmed(url), node);
      const running = content.nodes
        .filter((row) => !isFormer(row))
        .map(({ node, url }) => ({ node, url: trimmed(url) }));
      this.#learn(running);
      this.#known.keep(content.cluster, running);
    } catch (error) {
      this.#failure = error instanceof ChatError ? error.code : 'unreachable';
      // The page was opened while its own node is down: the next read uses the nodes of the last visit.
      if (this.cluster === undefined) await this.#known.recall((node) => this.#learn([node]));
    }
    this.#noteActive();
  }

  #learn(nodes: readonly KnownNode[]): void {
    for (const { node, url } of nodes) this.#names.set(url, node);
    this.#reader.learn(nodes.map(({ url }) => url));
  }

  async #probe(name: string | undefined, url: string, turn: number): Promise<void> {
    const before = name === undefined ? undefined : this.#probes.get(name);
    const isUnreached = before !== undefined && before.health === undefined;
    if (isUnreached && turn % UNREACHED_EVERY !== 0) return;
    try {
      const health = await callNode<Health>(`${url}/health`, { timeoutMs: PROBE_MS });
      this.auth = health.auth;
      this.#names.set(url, health.node);
      // The page's own address may be that of a proxy, which reaches another node each time.
      this.#probes.set(name ?? health.node, { health, at: performance.now(), misses: 0 });
    } catch (error) {
      if (name === undefined) return;
      const misses = isRefused(error) ? REFUSED : (before?.misses ?? 0) + 1;
      this.#probes.set(name, { health: before?.health, at: before?.at ?? 0, misses });
    }
    this.#noteActive();
  }

  async #readTimeline(): Promise<void> {
    const content = await this.#reader.read<ClusterTimeline>('/cluster/timeline').catch(() => undefined);
    if (content === undefined) return;
    this.timeline = { content, at: performance.now() };
    this.changed();
  }

  async #readActivity(): Promise<void> {
    const read = await this.#reader.read<ClusterActivity>('/cluster/activity').catch(() => undefined);
    if (read === undefined) return;
    this.activity = this.#figures.add(read, performance.now());
    this.changed();
  }

  async #readBlocking(): Promise<void> {
    if (this.auth === undefined || (this.auth === 'token' && this.adminToken === undefined)) return;
    try {
      const token = this.auth === 'token' ? this.adminToken : undefined;
      this.blocking = (await this.#reader.read<ClusterBlocking>('/cluster/blocking', token)).blocking;
    } catch (error) {
      this.blocking = undefined;
      if (refusedToken(error) !== undefined) this.setAdminToken(undefined);
    }
    this.changed();
  }

  #noteActive(): void {
    const active = this.active;
    if (active === undefined) this.#missingSince ??= performance.now();
    else this.#missingSince = undefined;
    if (isHindered(this.health)) this.#hinderedAt = performance.now();
    // The page may have noticed the silence of a node before it could know that the node was taken out of service.
    const left = this.nodes.find(({ name }) => name === this.moved?.from)?.role;
    if (this.moved && (left === 'fallen' || left === 'stopped')) this.moved.why = left;
    const key = active && `${active.name} ${active.term}`;
    // A change shows in the timeline at once.
    if (key !== this.#lastActive) void this.#readTimeline();
    this.#lastActive = key;
    this.changed();
  }

  /** True if a node is active in a term that the timeline does not have: nodes cache their responses for a moment. */
  get #isTimelineBehind(): boolean {
    const [newest] = this.timeline?.content.terms ?? [];
    return (this.active?.term ?? 0) > (newest?.term ?? 0);
  }

  #endedAgoMs(now: number): number | undefined {
    const [newest] = this.timeline?.content.terms ?? [];
    if (this.timeline === undefined || newest?.ended_at == null) return undefined;
    return Date.parse(this.timeline.content.now) - Date.parse(newest.ended_at) + now - this.timeline.at;
  }
}

const isRefused = (error: unknown) => error instanceof ChatError && !(error.cause instanceof DOMException);

const trimmed = (url: string) => url.replace(/\/+$/, '');

/** Polls once a second, less often while the page is hidden. `poll` receives the number of polls before it. */
function everySecond(poll: (turn: number) => Promise<void>): Polling {
  let turns = 0;
  let startedAt = 0;
  return new Polling(
    () => {
      startedAt = performance.now();
      turns += 1;
      return poll(turns - 1);
    },
    () => (document.hidden ? HIDDEN_MS : Math.max(100, INTERVAL_MS - (performance.now() - startedAt))),
  );
}
