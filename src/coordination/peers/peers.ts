import { waitAtMost } from '../../wait-at-most.ts';
import { type Clock, monotonic } from '../clock.ts';
import type { ClusterIdentity } from './cluster-identity.ts';
import { ForeignNodes, type ForeignNodesOptions, type Rival } from './foreign-nodes.ts';
import { MAX_PEERS, type PeerRow } from './node-registry.ts';
import { type PeerHealth, PeerProbe } from './peer-probe.ts';

/** The active node, as far as this node knows. */
export interface Leader {
  node: string;
  /** Null while the node is known only from an announcement. */
  url: string | null;
  term: number;
}

/** One peer in the body of `/health`. */
export interface PeerView {
  url: string;
  node: string | null;
  alive: boolean;
  active: boolean;
}

/** The newest observation of a peer. `at` is the time at which it was true, by this node's clock. */
interface PeerObservation extends Leader {
  at: number;
  alive: boolean;
  active: boolean;
  isPreferred: boolean;
  /** True if PostgreSQL announced that the peer has become active. */
  isAnnounced?: boolean;
}

/** How long an observation counts, in milliseconds: rows come once a second, responses several times. */
const FRESH_MS = 2500;
/**
 * PostgreSQL announces a promotion while its reply to the promoted node is still on the way: until this many milliseconds later,
 * that node's row and responses may say "standby".
 */
const UNAWARE_MS = 100;
/** Observations kept; {@link MAX_PEERS} are of nodes that exist. */
const MAX_OBSERVATIONS = 2 * MAX_PEERS;
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
  readonly #observations = new Map<string, PeerObservation>();
  readonly #foreignNodes: ForeignNodes;
  /** The addresses of PEER_URL and of plantao.nodes. */
  #wanted = new Set<string>();
  /** When each address last responded as a peer, or as a node of this cluster on another database. */
  readonly #seenAt = new Map<string, number>();
  #rows: PeerRow[] = [];
  /** The newest resigned term, kept no longer than an observation counts, because a restore makes terms lower. */
  #closed = { term: 0, until: Number.NEGATIVE_INFINITY };
  readonly #onActive = new Set<() => void>();
  #onSilence: (node: string) => void = () => {};

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#foreignNodes = new ForeignNodes(options, this.#clock);
    this.#follow(options.urls);
  }

  /** Calls `listener` with the name of the active node when it goes silent. */
  onSilence(listener: (node: string) => void): void {
    this.#onSilence = listener;
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
    for (const { node, url, role, term, is_primary, heartbeat_age_ms } of this.#rows) {
      const [alive, active] = [role === 'active' || role === 'standby', role === 'active'];
      const at = sentAt - Math.max(0, heartbeat_age_ms);
      this.#observe({ node, url, at, alive, active, term: term ?? 0, isPreferred: is_primary });
    }
    const configured = new Set([...this.#probes.values()].filter(({ url }) => this.#isConfigured(url)).map(nodeOf));
    const found = this.#rows.filter((row) => !configured.has(row.node)).map((row) => row.url);
    this.#follow([...this.#options.urls, ...found]);
  }

  /**
   * Observes an announced promotion. Any role that may connect to the database may NOTIFY, and clients send their passwords to
   * the address of the active node: so that address is used only if PEER_URL or plantao.nodes has it too.
   */
  observePromotion({ node, url, term }: { node: string; url: string; term: number }): void {
    const known = this.#wanted.has(url) ? url : null;
    const isPreferred = this.#isPreferred(node);
    this.#observe({
      node,
      url: known,
      term,
      at: this.#clock(),
      alive: true,
      active: true,
      isPreferred,
      isAnnounced: true,
    });
  }

  /** Observes an announced resignation. */
  observeResignation(term: number): void {
    this.#closed = { term: Math.max(this.#closedTerm, term), until: this.#clock() + FRESH_MS };
  }

  /** The active peer: of those last observed as active, the one with the highest term, unless that term was resigned. */
  get active(): (Leader & { isPreferred: boolean }) | null {
    const oldest = this.#clock() - FRESH_MS;
    const closedTerm = this.#closedTerm;
    let leader: PeerObservation | null = null;
    for (const observation of this.#observations.values()) {
      if (!observation.active || observation.at < oldest || observation.term <= closedTerm) continue;
      if (leader === null || observation.term > leader.term) leader = observation;
    }
    if (leader === null) return null;
    const { node, url, term, isPreferred } = leader;
    // Clients send passwords and messages there.
    return { node, url: url !== null && this.#foreignNodes.has(url) ? null : url, term, isPreferred };
  }

  /** As {@link ForeignNodes.rival}. */
  get rival(): Rival | null {
    return this.#foreignNodes.rival;
  }

  /**
   * The highest term in which a peer's own `/health` last said that it is active; 0 if none does. Announcements do not count:
   * any role that may connect to the database can send one.
   */
  get highestTerm(): number {
    const active = [...this.#probes.values()].flatMap(({ health }) => (health?.active ? [health.term] : []));
    return Math.max(0, ...active);
  }

  /** Waits until a peer is seen active, at most `limitMs`; does not wait if one is. */
  async waitForActive(limitMs: number): Promise<void> {
    if (this.active) return;
    let onActive = () => {};
    const seen = new Promise<void>((resolve) => {
      onActive = resolve;
      this.#onActive.add(resolve);
    });
    await waitAtMost(limitMs, seen);
    this.#onActive.delete(onActive);
  }

  /** The names of the peers that could take over: observed lately, and not fallen. */
  get living(): string[] {
    const oldest = this.#clock() - FRESH_MS;
    return [...this.#observations.values()].filter(({ alive, at }) => alive && at >= oldest).map(({ node }) => node);
  }

  /** Returns true if a node of this name was ever observed. */
  knows(node: string): boolean {
    return this.#observations.has(node);
  }

  /** Returns the peers for `/health`: those that respond over HTTP, and which of them is active by the newest observation. */
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

  #observe(observation: PeerObservation): void {
    const { node, at } = observation;
    const last = this.#observations.get(node);
    const supersededUntil = last ? last.at + (last.isAnnounced && !observation.active ? UNAWARE_MS : 0) : 0;
    if (node === this.#options.node || at < supersededUntil) return;
    this.#observations.set(node, observation);
    if (this.#observations.size > MAX_OBSERVATIONS) this.#forgetOldest();
    if (this.active) for (const resolve of this.#onActive) resolve();
  }

  /** Any role that may connect can announce promotions of nodes that do not exist: those make room first. */
  #forgetOldest(): void {
    const real = new Set([...this.#rows.map(({ node }) => node), ...[...this.#probes.values()].map(nodeOf)]);
    let oldest: PeerObservation | null = null;
    for (const observation of this.#observations.values()) {
      if (!real.has(observation.node) && observation.at < (oldest?.at ?? Number.POSITIVE_INFINITY))
        oldest = observation;
    }
    if (oldest) this.#observations.delete(oldest.node);
  }

  #observeHealth(probe: PeerProbe, health: PeerHealth, sentAt: number): boolean {
    if (!this.#options.identity.matches(health)) {
      this.#observeForeignNode(probe.url, health);
      return false;
    }
    this.#foreignNodes.delete(probe.url);
    this.#seenAt.set(probe.url, this.#clock());
    const { node, alive, active, term } = health;
    this.#observe({ node, url: probe.url, at: sentAt, alive, active, term, isPreferred: this.#isPreferred(node) });
    return true;
  }

  #observeForeignNode(url: string, health: PeerHealth): void {
    this.#foreignNodes.observe(url, health);
    const isFormerPeer = this.#seenAt.has(url) && this.#foreignNodes.isOfThisCluster(health);
    if (isFormerPeer) this.#seenAt.set(url, this.#clock());
  }

  /** A peer that responded before counts as absent until it is observed again, through any source. */
  #observeSilence({ node }: PeerProbe): void {
    const last = node === null ? undefined : this.#observations.get(node);
    if (!last) return;
    this.#observations.set(last.node, { ...last, at: this.#clock(), alive: false, active: false });
    if (last.active) this.#onSilence(last.node);
  }

  get #closedTerm(): number {
    return this.#clock() <= this.#closed.until ? this.#closed.term : 0;
  }

  #isPreferred(node: string): boolean {
    return this.#rows.find((row) => row.node === node)?.is_primary ?? false;
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
