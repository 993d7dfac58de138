/** A peer as the forwarder sees it. `alive` is true if its `/health` names this cluster and epoch. */
export interface Peer {
  readonly url: string;
  readonly node: string | null;
  readonly alive: boolean;
  readonly active: boolean;
}

/** The cluster as the forwarder sees it. */
export interface ForwardingCluster {
  readonly node: string;
  readonly role: 'active' | 'standby' | 'fallen';
  readonly acceptsWrites: boolean;
  peers(): readonly Peer[];
}

/** Interval of the checks. A shorter one would gain nothing: this node learns of a promotion after about this time. */
const CHECK_EVERY_MS = 20;
/** A request that waits for its response. */
interface PendingRequest {
  /** The name of the node that it was sent to. */
  readonly node: string | null;
  readonly cancel: (reason: Error) => void;
  /** The time when another node was first seen active; null while none is. */
  successorSeenAt: number | null;
}

/**
 * Cancels requests to a node once another node is active: a frozen or unreachable node would hold them until their timeout.
 * A node that is merely slow to respond to probes keeps its requests, because no other node becomes active.
 */
export class SuccessorWatch {
  readonly #cluster: ForwardingCluster;
  readonly #finishMs: number;
  readonly #pending = new Set<PendingRequest>();
  #timer: NodeJS.Timeout | undefined;

  /** `finishMs` is how long a node that has lost its role, but is alive, may take to finish its requests. */
  constructor(cluster: ForwardingCluster, finishMs: number) {
    this.#cluster = cluster;
    this.#finishMs = finishMs;
  }

  /** Calls `cancel` when the node has a successor and has stopped responding. Returns a function that ends the watch. */
  watch({ node }: Peer, cancel: (reason: Error) => void): () => void {
    const pending: PendingRequest = { node, cancel, successorSeenAt: null };
    this.#pending.add(pending);
    // One timer for all requests.
    this.#timer ??= setInterval(() => this.#check(), CHECK_EVERY_MS);
    return () => {
      this.#pending.delete(pending);
      if (this.#pending.size === 0) this.stop();
    };
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  #check(): void {
    const { acceptsWrites, node: own } = this.#cluster;
    const peers = this.#cluster.peers();
    const active = acceptsWrites ? own : (peers.find((peer) => peer.alive && peer.active)?.node ?? null);
    const living = new Set(peers.filter(({ alive }) => alive).map(({ node }) => node));
    const now = performance.now();
    for (const pending of this.#pending) {
      if (active === null || active === pending.node) pending.successorSeenAt = null;
      else {
        pending.successorSeenAt ??= now;
        if (!living.has(pending.node) || now - pending.successorSeenAt >= this.#finishMs)
          pending.cancel(new Error(`node ${active} is active instead`));
      }
    }
  }
}
