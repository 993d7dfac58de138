import { type Clock, monotonic } from '../clock.ts';
import type { ClusterIdentity } from './cluster-identity.ts';
import type { PeerRow } from './node-registry.ts';
import { type PeerHealth, PeerProbe } from './peer-probe.ts';

/** Who is on duty, as far as this node knows. */
export interface Leader {
  node: string;
  /** Null while nobody but an announcement has told of it. */
  url: string | null;
  term: number;
}

/** One peer in the answer of `/health`. */
export interface PeerView {
  url: string;
  node: string | null;
  alive: boolean;
  active: boolean;
}

/** What was last heard of a peer. `at` is when it was so, by this node's clock. */
interface PeerObservation extends Leader {
  at: number;
  alive: boolean;
  active: boolean;
  isPreferred: boolean;
}

/** For how long a word counts, in milliseconds: rows come once a second, answers several times. */
const FRESH_MS = 2500;
/** After a new epoch has begun all nodes know it within this, as they read the log once a second. */
const NEW_EPOCH_MS = 5000;

/** What {@link Peers} are made of. */
export interface PeersOptions {
  /** This node's own name: whoever answers by it is no peer. */
  node: string;
  /** PEER_URL; others are found through the table of nodes. */
  urls: readonly string[];
  /** This node's own; who names another is no peer. */
  identity: Pick<ClusterIdentity, 'cluster' | 'matches'>;
  /** Called when a peer of this cluster names another epoch than ours: one of the two has yet to read the newest. */
  onOtherEpoch(): void;
  /** Called once for each address that stays that of another cluster, or of a copy of this one's database. */
  onStranger(url: string, cluster: string | null): void;
  /** Called with the name of the active when it fell silent. */
  onSilence(node: string): void;
  clock?: Clock;
}

/**
 * What this node knows of its peers: from their `/health`, from the table of nodes, and from what they announce through
 * NOTIFY. Of each peer the newest word counts, whichever way it came, so a peer that can be heard through the database
 * alone still counts as there, and one whose connection closed does not until it is heard of again. All of it is
 * hearsay; only the leader lock decides.
 */
export class Peers {
  readonly #options: PeersOptions;
  readonly #clock: Clock;
  readonly #probes = new Map<string, PeerProbe>();
  readonly #observations = new Map<string, PeerObservation>();
  /** Addresses whose last answer was none of a peer, with the time of the first such one. */
  readonly #strangers = new Map<string, { since: number; isTold: boolean }>();
  #rows: PeerRow[] = [];
  /** The newest term that was resigned. It outlives the words that were there, and no more: a restore makes terms lower. */
  #closed = { term: 0, until: Number.NEGATIVE_INFINITY };
  readonly #onActive: (() => void)[] = [];

  constructor(options: PeersOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#follow(options.urls);
  }

  /** Asks every peer's `/health`; resolves when all have answered or run into `limitMs`. */
  async ask(limitMs: number): Promise<void> {
    await Promise.all([...this.#probes.values()].map((probe) => probe.ask(limitMs)));
  }

  /** Takes in the table of nodes: who else there is, and what each wrote last. */
  learn(rows: PeerRow[]): void {
    const now = this.#clock();
    this.#rows = rows.filter((row) => row.node !== this.#options.node);
    for (const { node, url, role, term, is_primary, heartbeat_age_ms } of this.#rows) {
      const [alive, active] = [role === 'active' || role === 'standby', role === 'active'];
      this.#observe({
        node,
        url,
        at: now - Math.max(0, heartbeat_age_ms),
        alive,
        active,
        term: term ?? 0,
        isPreferred: is_primary,
      });
    }
    const configured = new Set([...this.#probes.values()].filter(({ url }) => this.#isConfigured(url)).map(nodeOf));
    const found = this.#rows.filter((row) => !configured.has(row.node)).map((row) => row.url);
    this.#follow([...this.#options.urls, ...found]);
  }

  /**
   * A promotion was announced. Whoever may connect to the database may NOTIFY, and clients take their passwords to the
   * address of the active: so it is handed out only where a setting or the table of nodes has it too.
   */
  promoted({ node, url, term }: { node: string; url: string; term: number }): void {
    const known = this.#probes.has(url) ? url : null;
    this.#observe({
      node,
      url: known,
      term,
      at: this.#clock(),
      alive: true,
      active: true,
      isPreferred: this.#isPreferred(node),
    });
  }

  resigned(term: number): void {
    this.#closed = { term: Math.max(this.#closedTerm, term), until: this.#clock() + FRESH_MS };
  }

  /** The peer on duty: of those last heard of as active, the one of the highest term, unless that term was resigned. */
  get active(): (Leader & { isPreferred: boolean }) | null {
    const oldest = this.#clock() - FRESH_MS;
    const closedTerm = this.#closedTerm;
    let leader: PeerObservation | null = null;
    for (const word of this.#observations.values()) {
      if (!word.active || word.at < oldest || word.term <= closedTerm) continue;
      if (leader === null || word.term > leader.term) leader = word;
    }
    if (leader === null) return null;
    const { node, url, term, isPreferred } = leader;
    // Clients take passwords and messages there.
    return { node, url: url !== null && this.#strangers.has(url) ? null : url, term, isPreferred };
  }

  /** Resolves when a peer is seen on duty; at once where one is. */
  anyActive(): Promise<void> {
    if (this.active) return Promise.resolve();
    return new Promise((resolve) => this.#onActive.push(resolve));
  }

  /** The names of the peers that could take over: heard of lately, and not fallen. */
  get living(): string[] {
    const oldest = this.#clock() - FRESH_MS;
    return [...this.#observations.values()].filter(({ alive, at }) => alive && at >= oldest).map(({ node }) => node);
  }

  /** Whether a node of this name was ever heard of. */
  knows(node: string): boolean {
    return this.#observations.has(node);
  }

  /** What `/health` shows: who answers over HTTP, and which of them is on duty by the newest word, however it came. */
  view(): PeerView[] {
    const { active } = this;
    const seen = new Map<string, PeerView>();
    for (const probe of this.#probes.values()) {
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

  #observe(word: PeerObservation): void {
    if (word.node === this.#options.node || word.at < (this.#observations.get(word.node)?.at ?? 0)) return;
    this.#observations.set(word.node, word);
    if (this.active) for (const resolve of this.#onActive.splice(0)) resolve();
  }

  #answered(probe: PeerProbe, health: PeerHealth, askedAt: number): boolean {
    if (!this.#options.identity.matches(health)) {
      this.#meetStranger(probe.url, health);
      return false;
    }
    this.#strangers.delete(probe.url);
    const { node, alive, active, term } = health;
    this.#observe({ node, url: probe.url, at: askedAt, alive, active, term, isPreferred: this.#isPreferred(node) });
    return true;
  }

  /** One of the same cluster may only not know the newest epoch yet, or we may not. */
  #meetStranger(url: string, { cluster }: PeerHealth): void {
    const { identity, onOtherEpoch, onStranger } = this.#options;
    const stranger = this.#strangers.get(url) ?? { since: this.#clock(), isTold: false };
    this.#strangers.set(url, stranger);
    const isNew = this.#clock() - stranger.since < NEW_EPOCH_MS;
    const isOurs = identity.cluster === null || cluster === identity.cluster;
    if (isOurs && isNew) onOtherEpoch();
    else if (!stranger.isTold) {
      stranger.isTold = true;
      onStranger(url, cluster);
    }
  }

  /** Of a peer that answered before: until it is heard of again, by whichever way, it is not there. */
  #silent({ node }: PeerProbe): void {
    const word = node === null ? undefined : this.#observations.get(node);
    if (!word) return;
    this.#observations.set(word.node, { ...word, at: this.#clock(), alive: false, active: false });
    if (word.active) this.#options.onSilence(word.node);
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
    const wanted = new Set(urls);
    for (const url of wanted) {
      if (!this.#probes.has(url)) this.#probes.set(url, this.#probe(url));
    }
    for (const [url, probe] of this.#probes) {
      if (wanted.has(url)) continue;
      probe.stop();
      this.#probes.delete(url);
      this.#strangers.delete(url);
    }
  }

  #probe(url: string): PeerProbe {
    const events = {
      onAnswer: (probe: PeerProbe, health: PeerHealth, askedAt: number) => this.#answered(probe, health, askedAt),
      onSilence: (probe: PeerProbe) => this.#silent(probe),
    };
    return new PeerProbe(url, events, this.#clock);
  }
}

const nodeOf = ({ node }: PeerProbe) => node;
