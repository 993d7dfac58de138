import type { PeerRow } from './node-registry.ts';
import { PeerProbe } from './peer-probe.ts';

/** Who is on duty, as far as this node knows. */
export interface Leader {
  node: string;
  url: string;
  term: number;
}

/** One peer in the answer of `/health`. */
export interface PeerView {
  url: string;
  node: string | null;
  alive: boolean;
  active: boolean;
}

/** A row says "active" for this long after its last heartbeat (written once a second), where the probe cannot say. */
const ROW_FRESH_MS = 2500;

/**
 * What this node knows of its peers: from PEER_URL, from the table of nodes, from their `/health` and from what they
 * announce through NOTIFY. All of it is hearsay; only the leader lock decides.
 */
export class Peers {
  readonly #node: string;
  readonly #configured: readonly string[];
  readonly #onSilence: (peer: string) => void;
  readonly #probes = new Map<string, PeerProbe>();
  #rows: PeerRow[] = [];
  #announced: (Leader & { resigned: boolean }) | null = null;

  /** `onSilence` is told the peer whose connection closed or whose answer failed after it had answered before. */
  constructor(node: string, configured: readonly string[], onSilence: (peer: string) => void) {
    this.#node = node;
    this.#configured = configured;
    this.#onSilence = onSilence;
    this.#follow(configured);
  }

  /** Asks every peer's `/health`; resolves when all have answered or run into `limitMs`. */
  async ask(limitMs: number): Promise<void> {
    await Promise.all(
      [...this.#probes.values()].map(async (probe) => {
        const before = probe.health;
        await probe.ask(limitMs);
        if (before?.alive && !probe.health?.alive) this.#onSilence(before.node);
      }),
    );
  }

  /** Takes in the table of nodes: who else there is, and what each wrote last. */
  learn(rows: PeerRow[]): void {
    this.#rows = rows;
    this.#follow([...this.#configured, ...rows.map((row) => row.url)]);
  }

  promoted(leader: Leader): void {
    if (leader.term >= (this.#announced?.term ?? 0)) this.#announced = { ...leader, resigned: false };
  }

  resigned(term: number): void {
    if (this.#announced && this.#announced.term <= term) this.#announced = { ...this.#announced, term, resigned: true };
  }

  /**
   * The peer on duty: the highest term among those that say so themselves, those whose promotion was announced and not
   * contradicted, and those whose fresh row says so.
   */
  get active(): Leader | null {
    const said = this.#announced;
    const candidates: Leader[] = [];
    for (const probe of this.#others()) {
      const { health } = probe;
      if (health?.active) candidates.push({ node: health.node, url: probe.url, term: health.term });
    }
    for (const row of this.#rows) {
      const fresh = row.role === 'active' && row.heartbeat_age_ms < ROW_FRESH_MS;
      if (fresh && !this.#contradicts(row.node, row.url)) {
        candidates.push({ node: row.node, url: row.url, term: row.term ?? 0 });
      }
    }
    if (said && !said.resigned && said.node !== this.#node && !this.#contradicts(said.node, said.url))
      candidates.push(said);
    const leader = candidates.reduce<Leader | null>((best, one) => (best && best.term >= one.term ? best : one), null);
    return leader && said?.resigned && leader.term <= said.term ? null : leader;
  }

  /** True once every peer has been asked, whatever it answered. */
  get allAsked(): boolean {
    return [...this.#probes.values()].every((probe) => probe.asked);
  }

  /** The names of the peers that would take over: alive, by their own word. */
  get living(): string[] {
    return [...this.#others()].flatMap((probe) => (probe.health?.alive ? [probe.health.node] : []));
  }

  urlOf(node: string): string | null {
    for (const probe of this.#others()) if (probe.health?.node === node) return probe.url;
    return this.#rows.find((row) => row.node === node)?.url ?? null;
  }

  view(): PeerView[] {
    return [...this.#others()].map(({ url, health }) => ({
      url,
      node: health?.node ?? this.#rows.find((row) => row.url === url)?.node ?? null,
      alive: health?.alive === true,
      active: health?.active === true,
    }));
  }

  stop(): void {
    for (const probe of this.#probes.values()) probe.stop();
    this.#probes.clear();
  }

  /** Probes that did not turn out to be this node itself (PEER_URL of one's own is a common slip). */
  *#others(): Iterable<PeerProbe> {
    for (const probe of this.#probes.values()) if (probe.health?.node !== this.#node) yield probe;
  }

  /** True where the node's own word, or its silence to a question, speaks against its being on duty. */
  #contradicts(node: string, url: string): boolean {
    for (const probe of this.#others()) {
      if (probe.url === url || probe.health?.node === node) return probe.asked && probe.health?.active !== true;
    }
    return false;
  }

  #follow(urls: string[] | readonly string[]): void {
    const wanted = new Set(urls);
    for (const url of wanted) {
      if (!this.#probes.has(url)) this.#probes.set(url, this.#probe(url));
    }
    for (const [url, probe] of this.#probes) {
      if (wanted.has(url)) continue;
      probe.stop();
      this.#probes.delete(url);
    }
  }

  #probe(url: string): PeerProbe {
    const probe = new PeerProbe(url, () => {
      const peer = probe.health;
      probe.health = null;
      if (peer?.alive) this.#onSilence(peer.node);
    });
    return probe;
  }
}
