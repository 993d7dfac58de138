import type { ChatClient } from '../../../../client/index.ts';
import { type Store, Stored } from '../storage/stored.ts';

/** Timeout of the list of nodes, in milliseconds. */
const LIST_MS = 3000;
/** A node of the last visit that takes longer to respond is of no use, in milliseconds. */
const RECALL_MS = 2000;

/** The nodes of a cluster, as this device keeps them. */
interface KnownCluster {
  cluster: string | null;
  nodes: { node: string; url: string }[];
}

function isKnownCluster(value: unknown): value is KnownCluster {
  const { nodes } = (value ?? {}) as Partial<KnownCluster>;
  return Array.isArray(nodes) && nodes.every((one) => typeof one?.node === 'string' && URL.canParse(one.url));
}

/**
 * Finds the nodes of the cluster and their names. The last list is kept on the device: a page that opens while its own node is
 * away finds the others there.
 */
export class NodeDirectory {
  readonly #client: ChatClient;
  readonly #fetch: typeof fetch;
  /** The address of this page: a proxy may serve another cluster under another path. */
  readonly #page: string;
  readonly #kept: Stored<KnownCluster>;
  /** The last known node name of each address: an unreachable node cannot return its own. */
  readonly #names = new Map<string, string>();
  #isListed = false;
  #isReading = false;

  constructor(client: ChatClient, send: typeof fetch, store: () => Store) {
    this.#client = client;
    this.#fetch = send;
    this.#page = client.urls[0] ?? '';
    this.#kept = new Stored(store, 'plantao.nodes.', isKnownCluster);
  }

  /** True once a node has returned the list. */
  get isListed(): boolean {
    return this.#isListed;
  }

  /** Returns the name of the node at that address, or the address if the name is unknown. */
  nameOf(url: string): string {
    return this.#names.get(url) ?? url;
  }

  /** Records the name that a node has returned. */
  named(url: string, name: string): void {
    this.#names.set(url, name);
  }

  /** Reads the list of nodes. If it cannot be read, the known nodes remain in use. */
  async read(): Promise<void> {
    if (this.#isReading) return;
    this.#isReading = true;
    if (!this.#isListed) void this.#recall();
    try {
      const { cluster, nodes } = await this.#client.cluster({ deadlineMs: LIST_MS });
      const listed = nodes.map(({ node, url }) => ({ node, url: url.replace(/\/+$/, '') }));
      this.#add(listed);
      this.#isListed = true;
      this.#kept.set(this.#page, { cluster, nodes: listed });
    } catch {
      // The next poll retries.
    } finally {
      this.#isReading = false;
    }
  }

  /** While the page's own node does not respond, uses those of the last visit that still belong to the same cluster. */
  async #recall(): Promise<void> {
    const kept = this.#kept.get(this.#page);
    if (kept === undefined || (await this.#clusterAt(this.#page)) !== undefined) return;
    for (const known of kept.nodes) {
      this.#clusterAt(known.url).then((cluster) => {
        if (cluster !== undefined && cluster === kept.cluster) this.#add([known]);
      });
    }
  }

  #add(nodes: KnownCluster['nodes']): void {
    for (const { node, url } of nodes) this.#names.set(url, node);
    this.#client.addUrls(nodes.map(({ url }) => url));
  }

  /** Returns the id of the cluster that the node at this address belongs to; undefined if it does not respond. */
  async #clusterAt(url: string): Promise<string | undefined> {
    try {
      const response = await this.#fetch(`${url}/health`, { signal: AbortSignal.timeout(RECALL_MS) });
      return String((await response.json()).cluster);
    } catch {
      return undefined;
    }
  }
}
