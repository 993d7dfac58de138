import type { Clock } from '../../async/clock.ts';
import type { ClusterIdentity } from './cluster-identity.ts';
import type { PeerHealth } from './peer-probe.ts';

/** An active node with the same cluster id on another database. */
export interface SecondActive {
  node: string;
  url: string;
  term: number;
  epoch: string | null;
}

/** Options of {@link ForeignNodes}. */
export interface ForeignNodesOptions {
  /** The identity of this node's cluster. */
  identity: Pick<ClusterIdentity, 'cluster'>;
  /** Called when a node of this cluster names another epoch: one of the two nodes has yet to read the newest one. */
  onOtherEpoch(): void;
  /** Called once for each address that keeps responding as a node of another cluster, or of a copy of this one's database. */
  onForeignNode(url: string, cluster: string | null): void;
}

interface ForeignNode {
  /** The time of its first response. */
  since: number;
  seenAt: number;
  isReported: boolean;
  health: PeerHealth;
}

/** All nodes know a new epoch within this time, since they read the log once a second. */
const NEW_EPOCH_MS = 5000;
/** How long an observation counts: an address is probed several times a second. */
const FRESH_MS = 2500;

/**
 * The addresses whose last response was that of a node on another database: another cluster, a copy of this one's database,
 * or the other primary if PostgreSQL has two.
 */
export class ForeignNodes {
  readonly #options: ForeignNodesOptions;
  readonly #clock: Clock;
  readonly #foreignNodes = new Map<string, ForeignNode>();

  constructor(options: ForeignNodesOptions, clock: Clock) {
    this.#options = options;
    this.#clock = clock;
  }

  has(url: string): boolean {
    return this.#foreignNodes.has(url);
  }

  delete(url: string): void {
    this.#foreignNodes.delete(url);
  }

  /** Records a response. If the cluster id is the same, one of the two nodes may not have read the newest epoch yet. */
  observe(url: string, health: PeerHealth): void {
    const { onOtherEpoch, onForeignNode } = this.#options;
    const now = this.#clock();
    const node = { since: now, isReported: false, ...this.#foreignNodes.get(url), seenAt: now, health };
    this.#foreignNodes.set(url, node);
    if (this.isOfThisCluster(health) && now - node.since < NEW_EPOCH_MS) onOtherEpoch();
    else if (!node.isReported) {
      node.isReported = true;
      onForeignNode(url, health.cluster);
    }
  }

  /** Returns true if the peer has this cluster's id, on this database or another. Also true while this node does not know its own cluster id. */
  isOfThisCluster({ cluster }: PeerHealth): boolean {
    const { identity } = this.#options;
    return identity.cluster === null || cluster === identity.cluster;
  }

  /**
   * An active node with this cluster id on another database: another primary of PostgreSQL, or a copy that kept the id. Null
   * while one of the two may not have read the newest epoch yet.
   */
  get secondActive(): SecondActive | null {
    const now = this.#clock();
    for (const [url, { since, seenAt, health }] of this.#foreignNodes) {
      const { cluster, active, node, term, epoch } = health;
      if (!active || cluster === null || cluster !== this.#options.identity.cluster) continue;
      if (now - seenAt < FRESH_MS && now - since >= NEW_EPOCH_MS) return { node, url, term, epoch };
    }
    return null;
  }
}
