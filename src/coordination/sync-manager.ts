/**
 * Who is on duty. The protocol, whole:
 *
 * A node is **standby**, **active** or **fallen**. Only the leader lock makes a node active: it promotes when its own
 * lock session has taken the lock and opened a term, and it stays active while heartbeats on that session are confirmed
 * (leader-lock.ts). Everything else that a node sees is hearsay and only decides *when* it tries for the lock:
 *
 *  - calmly, a few times a second, while somebody is seen active;
 *  - at once, and quickly again for a moment, on a resignation (NOTIFY), on the closed connection or failed probe of a
 *    peer, and on the loss of its own lock session;
 *  - eagerly while nobody is seen active (pace.ts).
 *
 * What each failure does: a killed active's lock is freed by its kernel in milliseconds and its peers hear its
 * connection close. A frozen or cut-off active loses the lock after one lease, by PostgreSQL's clock, and stops believing
 * in itself before that, by its own; should it wake up in between, the fence refuses its writes. A lying probe makes a
 * standby try too often or too seldom, never two actives. Where PostgreSQL is away nobody is active.
 *
 * A resignation is the same for /fall, SIGTERM and a switchover: refuse new writes, finish those under way, close the
 * term and free the lock in one statement that also tells the peers. Who resigned, and whoever was not meant, holds back
 * for a moment so that the one that was meant comes first.
 *
 * One loop with one timer; whatever touches the lock goes through it or waits its turn.
 */
import { messageOf } from '../database/errors.ts';
import type { Log } from '../log.ts';
import { type Clock, monotonic } from './belief.ts';
import type { ClusterSignal } from './cluster-signal.ts';
import type { LeaderLock } from './leader-lock.ts';
import { calmMs, jittered, nextStepMs } from './pace.ts';
import type { Peers } from './peers.ts';

/** What a node is; see the head of this file. */
export type Role = 'active' | 'standby' | 'fallen';

/** Why a switchover was not begun. */
export type Refusal = 'not_active' | 'unknown_node' | 'no_standby' | 'already_active';

export interface SyncManagerOptions {
  node: string;
  leaseMs: number;
  isActive: boolean;
  isPrimary: boolean;
  lock: LeaderLock;
  peers: Peers;
  log: Log;
  /** Writes the node's row and takes in its peers' (node-registry.ts). */
  beat(role: Role | 'stopped'): Promise<void>;
  /** Asks the active for the duty on behalf of a primary (plantao.switchover). */
  requestDuty(): Promise<void>;
  /** Finishes the writes that were accepted; called once new ones are refused. Bounded by the callee. */
  drain(): Promise<void>;
  /** Called after each change of role. */
  onRole(role: Role): void;
  clock?: Clock;
}

const ROW_EVERY_MS = 1000;

export class SyncManager {
  readonly #options: SyncManagerOptions;
  readonly #clock: Clock;
  #role: Role = 'standby';
  #isResigning = false;
  #isStopping = false;
  /** Not before this may a standby try for the lock. */
  #notBefore = 0;
  #sign: { at: number; reason: string } | null = null;
  #leaderSeenAt: number;
  #failures = 0;
  #duePeers = 0;
  #dueRow = 0;
  #duePrimary = 0;
  #turn: Promise<unknown> = Promise.resolve();
  #loop: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  #isPoked = false;
  readonly #said = new Map<string, string>();

  constructor(options: SyncManagerOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#leaderSeenAt = this.#clock();
    this.#duePrimary = this.#clock() + 2 * options.leaseMs;
  }

  /** The role as the world should see it: a claimed lock whose belief has run out is not "active". */
  get role(): Role {
    return this.#role === 'active' && !this.isOnDuty ? 'standby' : this.#role;
  }

  /** True while this node may accept writes. */
  get isOnDuty(): boolean {
    return this.#role === 'active' && !this.#isResigning && this.#options.lock.term !== null;
  }

  /** The node on duty as far as this one knows, itself included. */
  get leader(): { node: string; url: string | null; term: number } | null {
    const { lock, node, peers } = this.#options;
    if (this.isOnDuty && lock.term !== null) return { node, url: null, term: lock.term };
    return peers.active;
  }

  /** Begins. IS_ACTIVE=false gives a peer that is on its way the time to be first: two leases, or until one is seen. */
  start(): void {
    const { isActive, leaseMs } = this.#options;
    if (isActive) this.#sign = { at: this.#clock(), reason: 'IS_ACTIVE at start' };
    else this.#notBefore = this.#clock() + 2 * leaseMs;
    this.#loop = this.#run();
  }

  /** Resigns if active, tells the table of nodes, and ends the loop. Safe to call twice. */
  async stop(): Promise<void> {
    if (this.#isStopping) return void (await this.#loop);
    this.#isStopping = true;
    await this.#inTurn(() => this.#resign('stopped', null));
    this.poke(null);
    await this.#loop;
    await this.#options.beat('stopped').catch(() => {});
    this.#options.peers.stop();
    await this.#options.lock.close();
  }

  /** Out of service by hand: gives the lock up and stays out until {@link revive}. */
  async fall(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#role === 'fallen') return;
      await this.#resign('fall', null);
      this.#become('fallen', 'fell by request');
    });
  }

  /** A candidate again; takes no lock that another holds. Resolves after one try where nobody was on duty. */
  async revive(): Promise<void> {
    await this.#inTurn(async () => {
      if (this.#role !== 'fallen') return;
      this.#become('standby', 'revived by request');
      this.#notBefore = 0;
      await this.#try('revived, and nobody was on duty');
    });
    this.poke(null);
  }

  /** Hands over in order to `to`, or to whoever is first. Answers null when done, else why not. */
  async switchover(to: string | null, reason: string): Promise<Refusal | null> {
    const { node, peers } = this.#options;
    if (!this.isOnDuty) return 'not_active';
    if (to === node) return 'already_active';
    if (to !== null && !peers.living.includes(to)) return peers.urlOf(to) ? 'no_standby' : 'unknown_node';
    if (peers.living.length === 0) return 'no_standby';
    await this.#inTurn(() => this.#resign(reason, to));
    return null;
  }

  /** Takes in what was heard on the channel `plantao_cluster`. */
  hear(signal: ClusterSignal): void {
    const { node, peers, leaseMs, log } = this.#options;
    if (signal.kind === 'promoted') {
      if (signal.node !== node) peers.promoted(signal);
    } else if (signal.kind === 'resigned') {
      peers.resigned(signal.term);
      if (this.#role !== 'standby' || this.#isResigning) return;
      if (signal.to === null || signal.to === node) {
        if (signal.to === node) this.#notBefore = 0;
        this.poke(signal.to === node ? 'it was handed the duty' : 'the active resigned');
      } else this.#notBefore = Math.max(this.#notBefore, this.#clock() + leaseMs / 4);
    } else if (this.isOnDuty) {
      void this.switchover(signal.to, 'switchover asked for in SQL').then((refusal) => {
        if (refusal) log.warn({ event: 'switchover_refused' }, `asked in SQL to hand over to ${signal.to}: ${refusal}`);
      });
    }
  }

  /** Steps now instead of at the next beat of the timer; with a reason, as after a sign that the lock may be free. */
  poke(reason: string | null): void {
    if (reason !== null) this.#sign = { at: this.#clock(), reason };
    this.#isPoked = true;
    this.#wake();
  }

  /** The lock session was lost while it held the lock. */
  lockLost(reason: string): void {
    if (this.#role === 'active') this.#become('standby', `lost the leader lock: ${reason}`);
    this.poke('its own lock session was lost');
  }

  async #run(): Promise<void> {
    while (!this.#isStopping) {
      this.#isPoked = false;
      this.#look();
      await this.#inTurn(() => this.#step());
      if (!this.#isPoked && !this.#isStopping) await this.#pause();
    }
  }

  /** Asks the peers and writes the row when due, without waiting: a slow peer must not hold up a heartbeat. */
  #look(): void {
    const { peers, leaseMs, isPrimary } = this.#options;
    const now = this.#clock();
    if (peers.active || this.isOnDuty) this.#leaderSeenAt = now;
    if (now >= this.#duePeers) {
      this.#duePeers = now + calmMs(leaseMs);
      void peers.ask(Math.min(500, Math.max(100, leaseMs / 4)));
    }
    if (now >= this.#dueRow) {
      this.#dueRow = now + ROW_EVERY_MS;
      this.#options
        .beat(this.role)
        .catch((error) => this.#options.log.debug(`could not write the node's row: ${messageOf(error)}`));
    }
    if (isPrimary && this.#role === 'standby' && peers.active && now >= this.#duePrimary) {
      this.#duePrimary = now + jittered(2 * leaseMs);
      this.#options
        .requestDuty()
        .catch((error) => this.#options.log.warn(`could not ask for the duty: ${messageOf(error)}`));
    }
  }

  async #step(): Promise<void> {
    if (this.#role === 'active') return void (await this.#options.lock.heartbeat());
    if (this.#role !== 'standby' || this.#isStopping) return;
    if (this.#options.peers.active) this.#notBefore = Math.min(this.#notBefore, this.#clock());
    if (this.#clock() < this.#notBefore) return;
    const fresh = this.#sign && this.#clock() - this.#sign.at < 2 * this.#options.leaseMs;
    await this.#try(fresh && this.#sign ? this.#sign.reason : 'the leader lock was free');
  }

  async #try(reason: string): Promise<void> {
    const { lock } = this.#options;
    try {
      const term = await lock.attempt(reason);
      if (this.#failures > 0) this.#say('database', 'PostgreSQL answers again');
      this.#failures = 0;
      if (term !== null) this.#become('active', `on duty for term ${term}: ${reason}`, term);
    } catch (error) {
      this.#failures++;
      this.#say('database', `cannot ask PostgreSQL for the leader lock: ${messageOf(error)}`);
    }
  }

  async #resign(reason: string, handTo: string | null): Promise<void> {
    if (this.#role !== 'active') return;
    const { lock, peers, leaseMs } = this.#options;
    this.#isResigning = true;
    try {
      await this.#options.drain();
      await lock.resign(reason, handTo);
    } finally {
      this.#isResigning = false;
      this.#sign = null;
      this.#notBefore = peers.living.length > 0 ? this.#clock() + leaseMs : 0;
    }
    if (this.#role === 'active') this.#become('standby', `resigned: ${reason}${handTo ? `, for ${handTo}` : ''}`);
  }

  #become(role: Role, sentence: string, term?: number): void {
    const event =
      role === 'active' ? 'promoted' : role === 'fallen' ? 'fallen' : this.#role === 'active' ? 'demoted' : 'standby';
    this.#role = role;
    this.#leaderSeenAt = this.#clock();
    this.#dueRow = 0;
    if (role === 'active') this.#sign = null;
    this.#options.log.info({ event, ...(term === undefined ? {} : { term }) }, sentence);
    this.#options.onRole(role);
    this.poke(null);
  }

  #pause(): Promise<void> {
    const now = this.#clock();
    const delay = nextStepMs({
      role: this.#role,
      leaseMs: this.#options.leaseMs,
      sinceSignMs: this.#sign ? now - this.#sign.at : null,
      leaderlessMs: now - this.#leaderSeenAt,
      failures: this.#failures,
    });
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, jittered(delay));
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }

  /** Runs `work` after whatever else has to do with the lock; its failure is the caller's, not the next one's. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work);
    this.#turn = done.catch(() => {});
    return done;
  }

  /** Logs a sentence when it differs from the last one on the same subject: the log reads as a diary. */
  #say(subject: string, sentence: string): void {
    if (this.#said.get(subject) === sentence) return;
    this.#said.set(subject, sentence);
    this.#options.log.info(sentence);
  }
}
