import type { Clock } from '../../async/clock.ts';
import { withTimeout } from '../../async/with-timeout.ts';
import { MAX_PEERS } from './node-registry.ts';

/** The active node, as far as this node knows. */
export interface Leader {
  node: string;
  /** Null while the node is known only from an announcement. */
  url: string | null;
  term: number;
}

/** An observation of a peer. `at` is the time at which it was true, by this node's clock. */
interface PeerObservation extends Leader {
  at: number;
  alive: boolean;
  active: boolean;
  isPreferred: boolean;
  /** True if PostgreSQL announced that the peer has become active. */
  isAnnounced?: boolean;
  /** True if it is from the peer's row, which may be older than its age: PostgreSQL may have stored it late. */
  isRow?: boolean;
}

/** How long an observation counts, in milliseconds: rows come once a second, responses several times. */
const FRESH_MS = 2500;
/**
 * PostgreSQL announces a promotion while its reply to the promoted node is still on the way: until this many milliseconds later,
 * that node's row and responses may say "standby".
 */
const UNAWARE_MS = 100;
/**
 * How long announcements are ignored after one was refuted, in milliseconds: any role that may connect can send them. Probes and
 * rows show promotions and resignations too, some tenths of a second later.
 */
const DISTRUST_MS = 30_000;
/** The maximum number of observations: twice {@link MAX_PEERS}, since announcements may name nodes that do not exist. */
const MAX_OBSERVATIONS = 2 * MAX_PEERS;

const NONE_ANNOUNCED = { since: Number.NEGATIVE_INFINITY, at: Number.NEGATIVE_INFINITY };
const NONE_RESIGNED = { term: 0, since: Number.NEGATIVE_INFINITY, until: Number.NEGATIVE_INFINITY };

/** The newest observation of each peer, from any source, and which peer is active according to them. */
export class PeerObservations {
  readonly #self: string;
  readonly #clock: Clock;
  readonly #isReal: (node: string) => boolean;
  readonly #newest = new Map<string, PeerObservation>();
  /** The newest resigned term, kept no longer than an observation counts, because a restore makes terms lower. */
  #resigned = { ...NONE_RESIGNED };
  /** When the current series of unconfirmed announcements of promotions began, and the time of the last one. */
  #announced = { ...NONE_ANNOUNCED };
  #distrustedUntil = Number.NEGATIVE_INFINITY;
  readonly #onActive = new Set<() => void>();
  #lastActive: { node: string; at: number } | null = null;

  /** `self` is this node's name; `isReal` returns true if a node of that name has a row or has responded. */
  constructor(self: string, clock: Clock, isReal: (node: string) => boolean) {
    this.#self = self;
    this.#clock = clock;
    this.#isReal = isReal;
  }

  /**
   * Adds an announced promotion. Returns false if announcements are not believed: one was refuted, or they keep coming and no peer
   * confirms one.
   */
  announce(observation: Omit<PeerObservation, 'at' | 'alive' | 'active' | 'isAnnounced'>): boolean {
    const now = this.#clock();
    if (now - this.#announced.at > FRESH_MS) this.#announced.since = now;
    this.#announced.at = now;
    if (now - this.#announced.since > FRESH_MS) this.#distrust();
    if (this.#isDistrustful) return false;
    this.add({ ...observation, at: now, alive: true, active: true, isAnnounced: true });
    return true;
  }

  /** Adds an observation, unless a newer one of that peer is known. */
  add(observation: PeerObservation): void {
    const { node, at } = observation;
    if (this.#isRefutation(observation)) this.#distrust();
    const last = this.#newest.get(node);
    if (observation.active && last?.isAnnounced && !observation.isAnnounced) this.#announced = { ...NONE_ANNOUNCED };
    const supersededUntil = last ? last.at + (last.isAnnounced && !observation.active ? UNAWARE_MS : 0) : 0;
    if (node === this.#self || at < supersededUntil) return;
    this.#newest.set(node, observation);
    if (observation.active && at >= (this.#lastActive?.at ?? at)) this.#lastActive = { node, at };
    if (this.#newest.size > MAX_OBSERVATIONS) this.#forgetOldest();
    if (this.active) for (const resolve of this.#onActive) resolve();
  }

  /** Records that a peer went silent: it counts as absent until it is observed again. Returns true if it was active. */
  silence(node: string): boolean {
    const last = this.#newest.get(node);
    if (!last) return false;
    this.#newest.set(node, { ...last, at: this.#clock(), alive: false, active: false });
    return last.active;
  }

  /** Records that a term was resigned. Returns false while announcements are not believed: resignations are announced too. */
  recordResignation(term: number): boolean {
    const { active } = this;
    if (this.#isDistrustful || term > (active?.term ?? term)) return false;
    const now = this.#clock();
    // Announcements of ever higher terms, which hide the active node, are one series.
    const isNext = now > this.#resigned.until || (active !== null && term > this.#resignedTerm);
    const since = isNext ? now : this.#resigned.since;
    this.#resigned = { term: Math.max(this.#resignedTerm, term), since, until: now + FRESH_MS };
    return true;
  }

  /** The active peer: of those last observed as active, the one with the highest term, unless that term was resigned. */
  get active(): PeerObservation | null {
    const oldest = this.#clock() - FRESH_MS;
    const resignedTerm = this.#resignedTerm;
    let leader: PeerObservation | null = null;
    for (const observation of this.#newest.values()) {
      if (!observation.active || observation.at < oldest || observation.term <= resignedTerm) continue;
      if (leader === null || observation.term > leader.term) leader = observation;
    }
    return leader;
  }

  /** The newest observation of a peer as active, and its time; null if there was none. */
  get lastActive(): { node: string; at: number } | null {
    return this.#lastActive;
  }

  /** Waits until a peer is seen active, at most `limitMs`; does not wait if one is. */
  async waitForActive(limitMs: number): Promise<void> {
    if (this.active) return;
    let onActive = () => {};
    const seen = new Promise<void>((resolve) => {
      onActive = resolve;
      this.#onActive.add(resolve);
    });
    await withTimeout(limitMs, seen, () => {});
    this.#onActive.delete(onActive);
  }

  /** The names of the peers that could take over: observed lately, and not fallen. */
  get living(): string[] {
    const oldest = this.#clock() - FRESH_MS;
    return [...this.#newest.values()].filter(({ alive, at }) => alive && at >= oldest).map(({ node }) => node);
  }

  /** Returns true if a node of this name was ever observed. */
  knows(node: string): boolean {
    return this.#newest.has(node);
  }

  get #isDistrustful(): boolean {
    return this.#clock() < this.#distrustedUntil;
  }

  /** Returns true if a peer responds that it is active, although its resignation or a later promotion was announced before. */
  #isRefutation({ node, at, active, term, isAnnounced, isRow }: PeerObservation): boolean {
    if (isAnnounced || isRow || !active) return false;
    if (term <= this.#resignedTerm && at > this.#resigned.since) return true;
    const isLater = (one: PeerObservation) => one.isAnnounced && one.node !== node && one.term > term;
    return at > this.#announced.since && [...this.#newest.values()].some(isLater);
  }

  #distrust(): void {
    this.#distrustedUntil = this.#clock() + DISTRUST_MS;
    this.#resigned = { ...NONE_RESIGNED };
    for (const [node, { isAnnounced }] of this.#newest) if (isAnnounced) this.#newest.delete(node);
  }

  get #resignedTerm(): number {
    return this.#clock() <= this.#resigned.until ? this.#resigned.term : 0;
  }

  /** Forgets the oldest observation, first of nodes that do not exist: any role that may connect can announce their promotion. */
  #forgetOldest(): void {
    let oldest: PeerObservation | null = null;
    for (const observation of this.#newest.values()) {
      if (observation.at >= (oldest?.at ?? Number.POSITIVE_INFINITY) || this.#isReal(observation.node)) continue;
      oldest = observation;
    }
    if (oldest) this.#newest.delete(oldest.node);
  }
}
