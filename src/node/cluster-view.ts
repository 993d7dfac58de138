import type { Requester } from '../coordination/end-cause.ts';
import type { PauseState } from '../coordination/pause.ts';
import type { ClusterIdentity } from '../coordination/peers/cluster-identity.ts';
import type { Peers } from '../coordination/peers/peers.ts';
import { refusalSentences } from '../coordination/role.ts';
import type { SyncManager } from '../coordination/sync-manager.ts';
import type { Cluster } from '../http/services.ts';

/** The coordination as the HTTP layer uses it: the node's role, the active node, and the operations on both. */
export class ClusterView implements Cluster {
  readonly node: string;
  readonly #identity: ClusterIdentity;
  readonly #sync: SyncManager;
  readonly #peers: Peers;
  readonly #pause: PauseState;
  readonly #url: () => string;
  readonly #readiness: Pick<Cluster, 'isReady' | 'canRead' | 'conditions'>;

  constructor(
    node: string,
    url: () => string,
    identity: ClusterIdentity,
    sync: SyncManager,
    peers: Peers,
    pause: PauseState,
    readiness: Pick<Cluster, 'isReady' | 'canRead' | 'conditions'>,
  ) {
    this.node = node;
    this.#url = url;
    this.#identity = identity;
    this.#sync = sync;
    this.#peers = peers;
    this.#pause = pause;
    this.#readiness = readiness;
  }

  get url(): string {
    return this.#url();
  }

  get id(): string | null {
    return this.#identity.cluster;
  }

  get epoch(): string {
    return this.#identity.epoch;
  }

  get role(): Cluster['role'] {
    return this.#sync.role;
  }

  get acceptsWrites(): boolean {
    return this.#sync.isActive;
  }

  get term(): number | null {
    return this.#sync.leader?.term ?? null;
  }

  get activeNode(): string | null {
    return this.#sync.leader?.node ?? null;
  }

  get noActiveMs(): number | null {
    return this.#sync.noActiveMs;
  }

  get activeUrl(): string | null {
    return this.#sync.isActive ? this.url : (this.#sync.leader?.url ?? null);
  }

  get rival(): Cluster['rival'] {
    return this.#sync.leader === null ? null : this.#peers.rival;
  }

  get pause(): Cluster['pause'] {
    return this.#pause.current;
  }

  get isReady(): boolean {
    return this.#readiness.isReady;
  }

  get canRead(): boolean {
    return this.#readiness.canRead;
  }

  get conditions(): Cluster['conditions'] {
    return this.#readiness.conditions;
  }

  peers(): ReturnType<Cluster['peers']> {
    return this.#peers.view();
  }

  fall(): Promise<void> {
    return this.#sync.fall();
  }

  revive(): Promise<void> {
    return this.#sync.revive();
  }

  async switchover(...[to, { name, address }]: Parameters<Cluster['switchover']>): ReturnType<Cluster['switchover']> {
    const askedBy: Requester = { name, via: 'HTTP', from: address, at: new Date() };
    const code = await this.#sync.switchover(to, { reason: 'switchover requested over HTTP', askedBy });
    return code && { code, sentence: refusalSentences[code] };
  }
}
