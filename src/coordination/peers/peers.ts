import { type Clock, monotonic } from '../../async/clock.ts';
import type { ClusterIdentity } from './cluster-identity.ts';
import { ForeignNodes, type ForeignNodesOptions, type SecondActive } from './foreign-nodes.ts';
import type { PeerRow } from './node-registry.ts';
import { type Leader, PeerObservations } from './peer-observations.ts';
import { type PeerHealth, PeerProbe } from './peer-probe.ts';

/** One peer in the body of `/health`. */
export interface PeerView {
  url: string;
  node: string | null;
  alive: boolean;
  active: boolean;
}

/** How long a peer is still probed once its row is gone: after a split, its row is in the other database. */
const FORMER_PEER_MS = 60_000;

/** Options of {@link Peers}. */
export interface PeersOptions extends ForeignNodesOptions {
  /** This node's own name: a node that uses it is not a peer. */
  node: string;
  /** PEER_URL; other peers are found through plantao.nodes. */
  urls: readonly string[];
  /** The cluster and epoch of this node; a node with others is not a peer. */
  identity: Pick<ClusterIdentity, 'cluster' | 'matches'>;
  /** Called with the name of the active node when it goes silent. */
  onActiveSilent(node: string): void;
  clock?: Clock;
}

/**
 * The peers as this node observes them: through their `/health`, through plantao.nodes, and through their announcements by
 * NOTIFY. The newest observation of each peer counts, from any source. So a peer that is seen only through the database still
 * counts as alive, and one whose connection closed does not until it is observed again. Observations decide nothing; only the
 * leader lock does.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #clock: Clock;
  readonly #probes = new Map<string, PeerProbe>();
  readonly #observations: PeerObservations;
  readonly #foreignNodes: ForeignNodes;
  /** The addresses of PEER_URL and of plantao.nodes. */
  #wanted = new Set<string>();
  /** When each address last responded as a peer, or as a node of this cluster on another database. */
  readonly #seenAt = new Map<string, number>();
  #rows: PeerRow[] = [];

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#foreignNodes = new ForeignNodes(options, this.#clock);
    const isReal = (node: string) =>
      this.#rows.some((row) => row.node === node) || [...this.#probes.values()].some((probe) => probe.node === node);
    this.#observations = new PeerObservations(options.node, this.#clock, isReal);
    this.#follow(options.urls);
  }

  /** Probes every peer's `/health`; resolves when each has responded or run into `limitMs`. */
  async probe(limitMs: number): Promise<void> {
    await Promise.all([...this.#probes.values()].map((probe) => probe.probe(limitMs)));
  }

  /**
   * Observes the rows of plantao.nodes: the peers and their last known state. `sentAt` is when the query was sent: the ages in the
   * rows were true then or later.
   */
  observeRows(rows: PeerRow[], sentAt: number): void {
    this.#rows = rows.filter((row) => row.node !== this.#options.node);
    for (const { node, url, role, term, is_preferred, heartbeat_age_ms } of this.#rows) {
      const [alive, active] = [role === 'active' || role === 'standby', role === 'active'];
      const at = sentAt - Math.max(0, heartbeat_age_ms);
      this.#observations.add({ node, url, at, alive, active, term: term ?? 0, isPreferred: is_preferred, isRow: true });
    }
    const configured = new Set([...this.#probes.values()].filter(({ url }) => this.#isConfigured(url)).map(nodeOf));
    const found = this.#rows.filter((row) => !configured.has(row.node)).map((row) => row.url);
    this.#follow([...this.#options.urls, ...found]);
  }

  /**
   * Observes an announced promotion. Any role that may connect to the database may NOTIFY, and clients send their passwords to
   * the address of the active node: so that address is used only if PEER_URL or plantao.nodes has it too. Returns as
   * {@link PeerObservations.announce}.
   */
  observePromotion({ node, url, term }: { node: string; url: string; term: number }): boolean {
    const known = this.#wanted.has(url) ? url : null;
    return this.#observations.announce({ node, url: known, term, isPreferred: this.#isPreferred(node) });
  }

  /** Calls {@link PeerObservations.recordResignation}. */
  observeResignation(term: number): boolean {
    return this.#observations.recordResignation(term);
  }

  /** The same as {@link PeerObservations.active}, without an address that leads to a foreign node: clients send passwords and messages there. */
  get active(): (Leader & { isPreferred: boolean }) | null {
    const { active } = this.#observations;
    if (active === null) return null;
    const { node, url, term, isPreferred } = active;
    return { node, url: url !== null && this.#foreignNodes.has(url) ? null : url, term, isPreferred };
  }

  /**
   * When a peer was last known to be active, by this node's clock; null if none ever was. The process of a peer lived until its
   * connection closed.
   */
  get lastActiveAt(): number | null {
    const last = this.#observations.lastActive;
    if (last === null) return null;
    const closedAt = [...this.#probes.values()].map((probe) => (probe.node === last.node ? probe.closedAt : null));
    return Math.max(last.at, ...closedAt.filter((at) => at !== null));
  }

  /** The same as {@link ForeignNodes.secondActive}. */
  get secondActive(): SecondActive | null {
    return this.#foreignNodes.secondActive;
  }

  /**
   * The highest term in which a peer's own `/health` last said that it is active; 0 if none does. Announcements do not count:
   * any role that may connect to the database can send one.
   */
  get highestTerm(): number {
    const active = [...this.#probes.values()].flatMap(({ health }) => (health?.active ? [health.term] : []));
    return Math.max(0, ...active);
  }

  /** Calls {@link PeerObservations.waitForActive}. */
  waitForActive(limitMs: number): Promise<void> {
    return this.#observations.waitForActive(limitMs);
  }

  /** The same as {@link PeerObservations.living}. */
  get living(): string[] {
    return this.#observations.living;
  }

  /** Calls {@link PeerObservations.knows}. */
  knows(node: string): boolean {
    return this.#observations.knows(node);
  }

  /** Returns the peers for `/health`: those that respond over HTTP, and which of them is active according to the newest observation. */
  view(): PeerView[] {
    const { active } = this;
    const seen = new Map<string, PeerView>();
    for (const probe of this.#probes.values()) {
      if (!this.#wanted.has(probe.url)) continue;
      const node = nodeOf(probe) ?? this.#rows.find((row) => row.url === probe.url)?.node ?? null;
      if (node === this.#options.node || (node !== null && seen.get(node)?.alive)) continue;
      const alive = probe.health?.alive === true;
      seen.set(node ?? probe.url, { url: probe.url, node, alive, active: alive && active?.node === node });
    }
    return [...seen.values()];
  }

  stop(): void {
    for (const probe of this.#probes.values()) probe.stop();
    this.#probes.clear();
  }

  #observeHealth(probe: PeerProbe, health: PeerHealth, sentAt: number): boolean {
    if (!this.#options.identity.matches(health)) {
      this.#observeForeignNode(probe.url, health);
      return false;
    }
    this.#foreignNodes.delete(probe.url);
    this.#seenAt.set(probe.url, this.#clock());
    const { node, alive, active, term } = health;
    this.#observations.add({
      node,
      url: probe.url,
      at: sentAt,
      alive,
      active,
      term,
      isPreferred: this.#isPreferred(node),
    });
    return true;
  }

  #observeForeignNode(url: string, health: PeerHealth): void {
    this.#foreignNodes.observe(url, health);
    const isFormerPeer = this.#seenAt.has(url) && this.#foreignNodes.isOfThisCluster(health);
    if (isFormerPeer) this.#seenAt.set(url, this.#clock());
  }

  #observeSilence({ node }: PeerProbe): void {
    if (node !== null && this.#observations.silence(node)) this.#options.onActiveSilent(node);
  }

  #isPreferred(node: string): boolean {
    return this.#rows.find((row) => row.node === node)?.is_preferred ?? false;
  }

  #isConfigured(url: string): boolean {
    return this.#options.urls.includes(url);
  }

  #follow(urls: readonly string[]): void {
    this.#wanted = new Set(urls);
    for (const url of this.#wanted) {
      if (!this.#probes.has(url)) this.#probes.set(url, this.#probe(url));
    }
    for (const [url, probe] of this.#probes) {
      const isFormerPeer = this.#clock() - (this.#seenAt.get(url) ?? Number.NEGATIVE_INFINITY) < FORMER_PEER_MS;
      if (this.#wanted.has(url) || isFormerPeer) continue;
      probe.stop();
      this.#probes.delete(url);
      this.#foreignNodes.delete(url);
      this.#seenAt.delete(url);
    }
  }

  #probe(url: string): PeerProbe {
    const events = {
      onHealth: (probe: PeerProbe, health: PeerHealth, sentAt: number) => this.#observeHealth(probe, health, sentAt),
      onSilence: (probe: PeerProbe) => this.#observeSilence(probe),
    };
    return new PeerProbe(url, events, this.#clock);
  }
}

const nodeOf = ({ node }: PeerProbe) => node;
