/// <reference lib="dom" />
import type { AuthMode, ChatClient, NodeStatus } from '../../../client/index.ts';
import type { ClusterNode, NodeState } from './cluster-notices.ts';

/** Interval between two polls, in milliseconds: while the cluster is healthy, while it is not, while the page is hidden. */
const HEALTHY_MS = 4000;
const DEGRADED_MS = 1000;
const HIDDEN_MS = 20_000;
/** The list of nodes is read again every so many polls, to find nodes that have joined. */
const LIST_EVERY = 15;

/** Polls the status of all nodes and reports it. */
export class ClusterWatch {
  readonly #client: ChatClient;
  readonly #report: (nodes: readonly ClusterNode[]) => void;
  /** The last known node name of each address: an unreachable node cannot return its own. */
  readonly #names = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #isPolling = false;
  #polls = 0;
  #auth: AuthMode | undefined;

  constructor(client: ChatClient, report: (nodes: readonly ClusterNode[]) => void) {
    this.#client = client;
    this.#report = report;
  }

  /** Polls now, and then at the interval. */
  async refresh(): Promise<void> {
    if (this.#isPolling) return;
    clearTimeout(this.#timer);
    this.#isPolling = true;
    let isHealthy = false;
    try {
      if (this.#polls % LIST_EVERY === 0) await this.#readList();
      this.#polls += 1;
      const nodes = this.#seen(await this.#client.status());
      isHealthy = nodes.some(({ state }) => state === 'active') && nodes.every(({ state }) => state !== 'fallen');
      this.#report(nodes);
    } finally {
      this.#isPolling = false;
      const wait = document.hidden ? HIDDEN_MS : isHealthy ? HEALTHY_MS : DEGRADED_MS;
      this.#timer = setTimeout(() => void this.refresh(), wait);
    }
  }

  /** The authentication mode that a node last reported; undefined before the first response. */
  get auth(): AuthMode | undefined {
    return this.#auth;
  }

  /** Returns the name of the node at that address, or the address if the name is unknown. */
  nameOf(url: string | undefined): string | undefined {
    return url === undefined ? undefined : (this.#names.get(url) ?? url);
  }

  async #readList(): Promise<void> {
    try {
      const { nodes } = await this.#client.cluster({ deadlineMs: 3000 });
      for (const { node, url } of nodes) this.#names.set(url.replace(/\/+$/, ''), node);
      this.#client.addUrls(nodes.map(({ url }) => url));
    } catch {
      // The known nodes remain in use.
    }
  }

  /** Merges statuses into one entry per node: a page opened as 127.0.0.1 reaches its node by two addresses. */
  #seen(statuses: readonly NodeStatus[]): ClusterNode[] {
    const nodes = new Map<string, ClusterNode>();
    for (const status of statuses) {
      this.#auth = status.auth ?? this.#auth;
      if (status.node !== undefined) this.#names.set(status.url, status.node);
      const name = this.nameOf(status.url) ?? status.url;
      const node = { name, url: status.url, state: stateOf(status), term: status.term };
      if (!nodes.has(name) || node.state !== 'unreachable') nodes.set(name, node);
    }
    return [...nodes.values()].sort((one, other) => one.name.localeCompare(other.name));
  }
}

function stateOf(status: NodeStatus): NodeState {
  if (!status.reachable) return 'unreachable';
  if (status.status !== 'alive') return 'fallen';
  return status.active ? 'active' : 'standby';
}
