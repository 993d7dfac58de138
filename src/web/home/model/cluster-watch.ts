/// <reference lib="dom" />
import type { AuthMode, ChatClient, NodeStatus } from '../../../client/index.ts';
import type { NodeState, SeenNode } from './cluster-notices.ts';

/** Between two looks at the nodes, in milliseconds: while all is well, while something is wrong, while nobody looks. */
const CALM_MS = 4000;
const TROUBLED_MS = 1000;
const UNSEEN_MS = 20_000;
/** Every so many looks the list of nodes is read anew, for those that have joined. */
const LIST_EVERY = 15;

/** Looks at all nodes again and again, and reports what it sees. */
export class ClusterWatch {
  readonly #client: ChatClient;
  readonly #report: (nodes: readonly SeenNode[]) => void;
  /** Names that addresses had when they last answered: a dead node does not tell its own. */
  readonly #names = new Map<string, string>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #looking = false;
  #looks = 0;
  #auth: AuthMode | undefined;

  constructor(client: ChatClient, report: (nodes: readonly SeenNode[]) => void) {
    this.#client = client;
    this.#report = report;
  }

  /** Looks now, and from then on by itself. */
  async look(): Promise<void> {
    if (this.#looking) return;
    clearTimeout(this.#timer);
    this.#looking = true;
    let isWell = false;
    try {
      if (this.#looks % LIST_EVERY === 0) await this.#readList();
      this.#looks += 1;
      const nodes = this.#seen(await this.#client.status());
      isWell = nodes.some(({ state }) => state === 'active') && nodes.every(({ state }) => state !== 'fallen');
      this.#report(nodes);
    } finally {
      this.#looking = false;
      const wait = document.hidden ? UNSEEN_MS : isWell ? CALM_MS : TROUBLED_MS;
      this.#timer = setTimeout(() => void this.look(), wait);
    }
  }

  /** How one signs in, as a node has last told it; undefined until one has. */
  get auth(): AuthMode | undefined {
    return this.#auth;
  }

  /** What the node with that address is called, as far as it is known. */
  nameOf(url: string | undefined): string | undefined {
    return url === undefined ? undefined : (this.#names.get(url) ?? url);
  }

  async #readList(): Promise<void> {
    try {
      const { nodes } = await this.#client.cluster({ deadlineMs: 3000 });
      for (const { node, url } of nodes) this.#names.set(url.replace(/\/+$/, ''), node);
      this.#client.addUrls(nodes.map(({ url }) => url));
    } catch {
      // The nodes that are known already will do.
    }
  }

  /** One entry a node: a page that was opened as 127.0.0.1 reaches its node by two addresses. */
  #seen(statuses: readonly NodeStatus[]): SeenNode[] {
    const nodes = new Map<string, SeenNode>();
    for (const status of statuses) {
      this.#auth = status.auth ?? this.#auth;
      if (status.node !== undefined) this.#names.set(status.url, status.node);
      const name = this.nameOf(status.url) ?? status.url;
      const node = { name, url: status.url, state: stateOf(status), term: status.term };
      if (!nodes.has(name) || node.state !== 'gone') nodes.set(name, node);
    }
    return [...nodes.values()].sort((one, other) => one.name.localeCompare(other.name));
  }
}

function stateOf(status: NodeStatus): NodeState {
  if (!status.reachable) return 'gone';
  if (status.status !== 'alive') return 'fallen';
  return status.active ? 'active' : 'standby';
}
