import { type Store, Stored } from './stored.ts';

/** How long a node of the last visit may take to respond, in milliseconds. */
const RECALL_MS = 2000;

/** A node by its name. */
export interface KnownNode {
  node: string;
  url: string;
}

/** The nodes of a cluster, as this device keeps them. */
interface KnownCluster {
  cluster: string | null;
  nodes: KnownNode[];
}

function isKnownCluster(value: unknown): value is KnownCluster {
  const { nodes } = (value ?? {}) as Partial<KnownCluster>;
  return Array.isArray(nodes) && nodes.every((one) => typeof one?.node === 'string' && URL.canParse(one.url));
}

/** Keeps the nodes of the cluster on the device: a page that opens while its own node is down finds the others there. */
export class KnownNodes {
  /** The address of the page: a proxy may serve another cluster under another path. */
  readonly #page: string;
  readonly #fetch: typeof fetch;
  readonly #kept: Stored<KnownCluster>;
  /** The list that was stored last: most lists are the same as the one before. */
  #last = '';

  constructor(page: string, store: () => Store, send: typeof fetch) {
    this.#page = page.replace(/\/+$/, '');
    this.#fetch = send;
    this.#kept = new Stored(store, 'plantao.nodes.', isKnownCluster);
  }

  /** Keeps the nodes of this cluster for the next visit. */
  keep(cluster: string | null, nodes: readonly KnownNode[]): void {
    const known = { cluster, nodes: nodes.map(({ node, url }) => ({ node, url })) };
    if (this.#last === JSON.stringify(known)) return;
    this.#last = JSON.stringify(known);
    this.#kept.set(this.#page, known);
  }

  /**
   * While the page's own node does not respond, calls `found` with each node of the last visit that responds and still belongs to
   * the same cluster. Resolves to true if the own node does not respond.
   */
  async recall(found: (node: KnownNode) => void): Promise<boolean> {
    if ((await this.#clusterAt(this.#page)) !== undefined) return false;
    const kept = this.#kept.get(this.#page);
    const check = async (known: KnownNode) => {
      const cluster = await this.#clusterAt(known.url);
      if (cluster !== undefined && cluster === kept?.cluster) found(known);
    };
    await Promise.all((kept?.nodes ?? []).map(check));
    return true;
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
