import type { ChatClient } from '../../../../client/index.ts';
import { type KnownNode, KnownNodes } from '../../../shared/known-nodes.ts';
import type { Store } from '../../../shared/stored.ts';

/** Timeout of the list of nodes, in milliseconds. */
const LIST_MS = 3000;

/** Finds the nodes of the cluster and their names. */
export class NodeDirectory {
  readonly #client: ChatClient;
  readonly #known: KnownNodes;
  readonly #listMs: number;
  /** The last known node name of each address: an unreachable node cannot return its own. */
  readonly #names = new Map<string, string>();
  #isListed = false;
  #isReading = false;

  constructor(client: ChatClient, send: typeof fetch, store: () => Store, listMs = LIST_MS) {
    this.#client = client;
    this.#listMs = listMs;
    this.#known = new KnownNodes(client.urls[0] ?? '', store, send);
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
    if (!this.#isListed) void this.#known.recall((node) => this.#add([node]));
    try {
      const { cluster, nodes } = await this.#client.cluster({ deadlineMs: this.#listMs });
      const listed = nodes.map(({ node, url }) => ({ node, url: url.replace(/\/+$/, '') }));
      this.#add(listed);
      this.#isListed = true;
      this.#known.keep(cluster, listed);
    } catch {
      // The next poll retries.
    } finally {
      this.#isReading = false;
    }
  }

  #add(nodes: readonly KnownNode[]): void {
    for (const { node, url } of nodes) this.#names.set(url, node);
    this.#client.addUrls(nodes.map(({ url }) => url));
  }
}
