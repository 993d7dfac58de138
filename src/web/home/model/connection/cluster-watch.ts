/// <reference lib="dom" />
import type { AuthMode, ChatClient, NodeStatus } from '../../../../client/index.ts';
import { Polling } from '../../../shared/polling.ts';
import { type ClusterNode, hasActive, type ShownState } from './cluster-notices.ts';
import type { NodeDirectory } from './node-directory.ts';
import type { RequestMonitor } from './request-monitor.ts';

/** How the page reaches the cluster. `lost`: no node has responded for two polls. */
export type ConnectionState = 'good' | 'slow' | 'lost';

/** Interval between two polls, in milliseconds: while the cluster is healthy, while it is not, while the page is hidden. */
const HEALTHY_MS = 4000;
const DEGRADED_MS = 1000;
const HIDDEN_MS = 20_000;
/** The list of nodes is read again every so many polls, to find nodes that have joined. */
const LIST_EVERY = 15;
/** Response time above which the connection counts as slow, in milliseconds. */
const SLOW_MS = 1200;
/** How long a poll waits for a response, in milliseconds: usually, and once one was slow or missing. */
const BRISK_TIMEOUT_MS = 2000;
const PATIENT_TIMEOUT_MS = 6000;
/** Number of polls without any response after which the connection counts as lost: a single one may have got lost. */
const MISSES = 2;

/** Polls the status of all nodes and reports it. */
export class ClusterWatch {
  /** How the page reaches the cluster. */
  connection: ConnectionState = 'good';
  /** The authentication mode that a node last reported; undefined before the first response. */
  auth: AuthMode | undefined;
  /** The nodes as of the last poll. */
  nodes: readonly ClusterNode[] = [];
  /** The address of the node that serves this page's events; undefined while none does. */
  servingUrl: string | undefined;
  readonly #client: ChatClient;
  readonly #requestMonitor: RequestMonitor;
  readonly #report: (nodes: readonly ClusterNode[]) => void;
  readonly #directory: NodeDirectory;
  readonly #polling = new Polling(
    () => this.#poll(),
    () => (document.hidden ? HIDDEN_MS : this.#isHealthy ? HEALTHY_MS : DEGRADED_MS),
  );
  #isHealthy = false;
  #polls = 0;
  #misses = 0;

  constructor(
    client: ChatClient,
    { requestMonitor, directory }: { requestMonitor: RequestMonitor; directory: NodeDirectory },
    report: (nodes: readonly ClusterNode[]) => void,
  ) {
    this.#client = client;
    this.#requestMonitor = requestMonitor;
    this.#directory = directory;
    this.#report = report;
  }

  /** True until a node has responded to this page. */
  get isConnecting(): boolean {
    return this.#requestMonitor.lastSign === Number.NEGATIVE_INFINITY;
  }

  /** True while nothing can be sent: the browser has no network, or no node responds. */
  get isCutOff(): boolean {
    return this.connection === 'lost' || !navigator.onLine;
  }

  /** The reason why messages wait to be sent; undefined if they do not wait. */
  get waitsFor(): 'connection' | 'service' | undefined {
    if (this.isCutOff) return 'connection';
    return this.nodes.length > 0 && !hasActive(this.nodes) ? 'service' : undefined;
  }

  /** The name of the node that serves this page's events, or its address if the name is unknown. */
  get connectedTo(): string | undefined {
    return this.servingUrl === undefined ? undefined : this.#directory.nameOf(this.servingUrl);
  }

  /** Polls now, and then at the interval. */
  refresh(): Promise<void> {
    return this.#polling.refresh();
  }

  async #poll(): Promise<void> {
    this.#isHealthy = false;
    const isListDue = !this.#directory.isListed || this.#polls % LIST_EVERY === 0;
    const listing = isListDue ? this.#directory.read() : undefined;
    // The first poll waits for the list, so that it covers all nodes. Later, a late list delays nothing.
    if (this.#polls === 0) await listing;
    this.#polls += 1;
    await this.#readStates();
    const { nodes } = this;
    const isWhole = nodes.some(({ state }) => state === 'active') && nodes.every(({ state }) => state !== 'fallen');
    this.#isHealthy = isWhole && this.#misses === 0;
    this.#report(nodes);
  }

  async #readStates(): Promise<void> {
    const began = performance.now();
    const isBrisk = this.connection === 'good' && this.#misses === 0;
    const statuses = await this.#client.status({ timeoutMs: isBrisk ? BRISK_TIMEOUT_MS : PATIENT_TIMEOUT_MS });
    const reachable = statuses.filter((status) => status.reachable);
    if (reachable.length > 0) {
      const latencies = reachable.map(({ url }) => this.#requestMonitor.probe(url)?.latencyMs ?? 0);
      this.#misses = 0;
      this.connection = Math.min(...latencies) > SLOW_MS ? 'slow' : 'good';
      // While the network is slow, a node that does not respond in time may be as healthy as the others.
      const slowOnes = statuses.filter(
        ({ url }) => this.connection === 'slow' && this.#requestMonitor.probe(url)?.timedOut,
      );
      this.nodes = this.#seen(statuses, new Set(slowOnes.map(({ url }) => url)));
    } else if (this.#requestMonitor.lastSign > began) {
      this.#misses = 0;
      this.connection = 'slow';
    } else {
      this.#misses += 1;
      if (this.#misses >= MISSES) {
        this.connection = 'lost';
        this.nodes = this.#seen(statuses, new Set());
      }
    }
  }

  /**
   * Merges statuses into one entry per node: a page opened as 127.0.0.1 reaches its node by two addresses. The nodes at
   * the addresses in `unsure` keep their state.
   */
  #seen(statuses: readonly NodeStatus[], unsure: ReadonlySet<string>): ClusterNode[] {
    const nodes = new Map<string, ClusterNode>();
    for (const status of statuses) {
      this.auth = status.auth ?? this.auth;
      if (status.node !== undefined) this.#directory.named(status.url, status.node);
      const name = this.#directory.nameOf(status.url);
      const before = unsure.has(status.url) ? this.nodes.find((node) => node.name === name) : undefined;
      const { url, term, paused_until, active_node } = status;
      const reported = { term, pausedUntil: paused_until ?? undefined, activeNode: active_node ?? undefined };
      const node = before ?? { name, url, state: stateOf(status), ...reported };
      if (!nodes.has(name) || node.state !== 'unreachable') nodes.set(name, node);
    }
    return [...nodes.values()].sort((one, other) => one.name.localeCompare(other.name));
  }
}

function stateOf(status: NodeStatus): ShownState {
  if (!status.reachable) return 'unreachable';
  if (status.status !== 'alive') return 'fallen';
  return status.active ? 'active' : 'standby';
}
