import type { Requester } from '../coordination/end-cause.ts';
import type { PauseState } from '../coordination/pause.ts';
import type { ClusterIdentity } from '../coordination/peers/cluster-identity.ts';
import type { Peers } from '../coordination/peers/peers.ts';
import { refusalSentences } from '../coordination/role/role.ts';
import type { SyncManager } from '../coordination/sync-manager.ts';
import type { Cluster } from '../http/services.ts';

/** Options of {@link ClusterView}. */
export interface ClusterViewOptions {
  node: string;
  url(): string;
  identity: ClusterIdentity;
  sync: SyncManager;
  peers: Peers;
  pause: PauseState;
}

/**
 * The one object through which the HTTP layer sees the coordination: the node's role, the active node, and the operations on
 * both. http/ may not import coordination/, so this implements the interface that http/ declares.
 */
export class ClusterView implements Cluster {
  readonly node: string;
  readonly #options: ClusterViewOptions;

  constructor(options: ClusterViewOptions) {
    this.node = options.node;
    this.#options = options;
  }

  get url(): string {
    return this.#options.url();
  }

  get id(): string | null {
    return this.#options.identity.cluster;
  }

  get epoch(): string {
    return this.#options.identity.epoch;
  }

  get role(): Cluster['role'] {
    return this.#options.sync.role;
  }

  get acceptsWrites(): boolean {
    return this.#options.sync.isActive;
  }

  get term(): number | null {
    return this.#options.sync.leader?.term ?? null;
  }

  get activeNode(): string | null {
    return this.#options.sync.leader?.node ?? null;
  }

  get noActiveMs(): number | null {
    return this.#options.sync.noActiveMs;
  }

  get activeUrl(): string | null {
    return this.#options.sync.isActive ? this.url : (this.#options.sync.leader?.url ?? null);
  }

  get secondActive(): Cluster['secondActive'] {
    return this.#options.sync.leader === null ? null : this.#options.peers.secondActive;
  }

  get pause(): Cluster['pause'] {
    return this.#options.pause.current;
  }

  peers(): ReturnType<Cluster['peers']> {
    return this.#options.peers.view();
  }

  fall(): Promise<void> {
    return this.#options.sync.fall();
  }

  revive(): Promise<void> {
    return this.#options.sync.revive();
  }

  async switchover(...[to, { name, address }]: Parameters<Cluster['switchover']>): ReturnType<Cluster['switchover']> {
    const requester: Requester = { name, via: 'HTTP', from: address, at: new Date() };
    const code = await this.#options.sync.switchover(to, { reason: 'switchover requested over HTTP', requester });
    return code && { code, sentence: refusalSentences[code] };
  }
}
