/**
 * The coordination protocol: how exactly one node is active.
 *
 * A node is **standby**, **active** or **fallen**. Only the leader lock makes a node active. A node is promoted when its lock
 * session has taken the lock and opened a term, and it stays active while PostgreSQL confirms the heartbeats on that session
 * (lock/leader-lock.ts). A worker thread sends them (lock/lock-thread.ts). Everything else that a node observes decides only
 * *when* it tries to take the lock:
 *
 *  - a few times a second while a node is seen active;
 *  - at once, then every few milliseconds for half a second, after a resignation (NOTIFY), after a peer's connection closes
 *    or its probe fails, and after the loss of its own lock session;
 *  - every 50 ms while no node is seen active (election-timing.ts).
 *
 * What each failure does. The kernel of a killed active node closes its sockets, which frees the lock in milliseconds, and
 * its peers notice the closed connection. A frozen or disconnected active node loses the lock after one lease, by
 * PostgreSQL's clock; before that its own lease expires, by its monotonic clock. If it wakes up in between, the fence refuses
 * its writes. A false probe result makes a standby try too often or too rarely, but never makes two nodes active. While
 * PostgreSQL is unreachable no node is active.
 *
 * A resignation is the same for /fall, SIGTERM and a switchover: refuse new writes, finish those under way, then close the
 * term, free the lock and notify the peers in one statement. The resigning node, and every node that was not named as
 * successor, waits briefly so that the successor wins the lock (candidacy.ts). The resigning node also waits briefly for news
 * of its successor, so that it can name it to its remaining clients.
 */

import type { Log } from '../log.ts';
import { within } from '../within.ts';
import { Candidacy, type CandidacyOptions } from './candidacy.ts';
import { ChangeLogger } from './change-logger.ts';
import { nextTickMs } from './election-timing.ts';
import { Housekeeping, type HousekeepingOptions } from './housekeeping.ts';
import type { LockKeeping } from './lock/lock-keeper.ts';
import type { RoleSignal } from './peers/cluster-signal.ts';
import type { Refusal, Role } from './role.ts';
import { RunLoop } from './run-loop.ts';

/** Options of a {@link SyncManager}, including those of its housekeeping and its candidacy. */
export interface SyncManagerOptions extends Omit<HousekeepingOptions & CandidacyOptions, 'changes'> {
  node: string;
  isActive: boolean;
  log: Log;
  lock: LockKeeping;
  /** Finishes the accepted writes; called once new ones are refused. Has its own deadline. */
  drain(): Promise<void>;
  /** Called after each change of role; after a resignation, once the successor is known or late. */
  onRole(role: Role): void;
  /** Called after each promotion with the reason of the attempt. */
  onPromoted?(reason: string): void;
}

/** A successor is known about 10 ms after a resignation; only a switchover waits longer than this. */
const SUCCESSOR_LIMIT_MS = 300;
/** Deadline of each part of a stop: a database that does not respond must not keep the process alive. */
const STOP_LIMIT_MS = 2000;

/** A node's role and everything that changes it; the head of this file describes the protocol. */
export class SyncManager {
  readonly #options: SyncManagerOptions;
  readonly #candidacy: Candidacy;
  readonly #changes: ChangeLogger;
  readonly #housekeeping: Housekeeping;
  readonly #loop: RunLoop;
  #role: Role = 'standby';
  #isStarted = false;
  #isResigning = false;
  #stopping: Promise<void> | null = null;

  constructor(options: SyncManagerOptions) {
    this.#options = options;
    this.#changes = new ChangeLogger(options.log);
    this.#candidacy = new Candidacy({ ...options, changes: this.#changes });
    this.#housekeeping = new Housekeeping({ ...options, changes: this.#changes });
    this.#loop = new RunLoop({
      ...(options.clock ? { clock: options.clock } : {}),
      tick: () => this.#tick(),
      step: () => this.#step(),
      intervalMs: () => nextTickMs({ role: this.#role, leaseMs: options.leaseMs, ...this.#candidacy.electionState }),
    });
  }

  /** The role as others should see it: a node whose lease has expired is not "active". */
  get role(): Role {
    return this.#role === 'active' && !this.isActive ? 'standby' : this.#role;
  }

  /** True while this node may accept writes. */
  get isActive(): boolean {
    return this.#role === 'active' && !this.#isResigning && this.#options.lock.term !== null;
  }

  /** The active node as far as this one knows, itself included. */
  get leader(): { node: string; url: string | null; term: number } | null {
    const { lock, node, peers } = this.#options;
    if (this.isActive && lock.term !== null) return { node, url: null, term: lock.term };
    return peers.active;
  }

  /** Why this node cannot be promoted while no node is active; null otherwise. */
  get promotionTrouble(): string | null {
    return this.#role === 'standby' && this.leader === null ? this.#candidacy.trouble : null;
  }

  /** Starts. With IS_ACTIVE=false it lets a peer be first: it waits two leases, or until one is seen active. */
  start(): void {
    const { isActive, leaseMs } = this.#options;
    if (isActive) this.#candidacy.suspectVacancy('IS_ACTIVE at start');
    else this.#candidacy.backOff(2 * leaseMs);
    this.#isStarted = true;
    this.#loop.start();
  }

  /** Resigns if active, records the stop in plantao.nodes, and ends the loop. Idempotent. */
  stop(): Promise<void> {
    this.#stopping ??= this.#stop();
    return this.#stopping;
  }

  /** Takes the node out of service: releases the lock and stays fallen until {@link revive}. */
  async fall(): Promise<void> {
    this.#options.lock.interrupt();
    await this.#loop.runExclusive(async () => {
      if (this.#role === 'fallen') return;
      await this.#resign('fall', null, { next: 'fallen' });
      this.#become('fallen', 'fell by request');
      await this.#options.lock.close();
    });
  }

  /** Becomes a candidate again. Resolves after one attempt if no node was active; takes no lock that another holds. */
  async revive(): Promise<void> {
    await this.#loop.runExclusive(async () => {
      if (this.#role !== 'fallen' || this.#stopping) return;
      this.#become('standby', 'revived by request');
      this.#candidacy.endBackOff();
      await this.#try('revived, and nobody was on duty');
    });
  }

  /**
   * Hands over in order to `to`, or to whoever is first. Answers null when another is on duty, else why not; where nobody
   * came, this node tries again at once.
   */
  async switchover(to: string | null, reason: string): Promise<Refusal | null> {
    const { node, peers, leaseMs } = this.#options;
    if (!this.isActive) return 'not_active';
    if (to === node) return 'already_active';
    if (to !== null && !peers.living.includes(to)) return peers.knows(to) ? 'no_standby' : 'unknown_node';
    if (peers.living.length === 0) return 'no_standby';
    // Those who were not named hold back for a quarter of a lease, and then get as long again.
    const patienceMs = Math.max(SUCCESSOR_LIMIT_MS, leaseMs / 2);
    await this.#loop.runExclusive(() => this.#resign(reason, to, { patienceMs }));
    if (peers.active !== null) return null;
    this.#candidacy.endBackOff();
    this.suspectVacancy('nobody took the duty over');
    return 'no_successor';
  }

  /** Takes in what was heard of another node's duty on the channel `plantao_cluster`. */
  handleSignal(signal: RoleSignal): void {
    if (signal.kind === 'promoted') this.#heardPromotion(signal);
    else this.#heardResignation(signal.term, signal.to);
  }

  /** Something was seen after which the lock may be free: a standby tries for it now. */
  suspectVacancy(reason: string): void {
    if (this.#role !== 'standby') return;
    this.#candidacy.suspectVacancy(reason);
    this.#loop.wake();
  }

  /** The lock session was lost while it held the lock. */
  handleLockLost(reason: string): void {
    if (this.#role === 'active') this.#become('standby', `lost the leader lock: ${reason}`);
    this.suspectVacancy('its own lock session was lost');
  }

  /** Another is on duty: an active that hears it asks at once what has become of its own lock. */
  #heardPromotion(leader: { node: string; url: string; term: number }): void {
    const { node, peers } = this.#options;
    if (leader.node === node) return;
    peers.promoted(leader);
    // Not left to the next look: older news of that node may cover this, and it may be dead by then.
    this.#candidacy.activeSeen();
    if (this.#role === 'active') void this.#options.lock.renew();
  }

  #heardResignation(term: number, to: string | null): void {
    const { node, peers, leaseMs } = this.#options;
    peers.resigned(term);
    if (this.#role !== 'standby') return;
    if (to === null) this.suspectVacancy('the active resigned');
    else if (to !== node) this.#candidacy.backOff(leaseMs / 4);
    else {
      this.#candidacy.endBackOff();
      this.suspectVacancy('it was handed the duty');
    }
  }

  #tick(): void {
    const { active } = this.#options.peers;
    if (active || this.isActive) this.#candidacy.activeSeen();
    this.#housekeeping.runDue(this.role);
  }

  async #step(): Promise<void> {
    if (this.#role === 'active') return this.#attend();
    if (this.#role === 'fallen' || this.#stopping) return;
    if (this.#candidacy.mayTry) await this.#try();
    else await this.#candidacy.checkHolder();
  }

  /** What an active looks after by itself; its lease is renewed without it (lock-keeper.ts). */
  async #attend(): Promise<void> {
    const { lock, writing, peers, leaseMs } = this.#options;
    if (!this.isActive) {
      // Not where the lock is lost, which is said next.
      if (lock.isClaimed)
        this.#changes.report('lease', 'writes nothing until PostgreSQL confirms the leader lock again');
      if (!(await lock.renew())) return;
    }
    this.#changes.resolve('lease', 'PostgreSQL confirmed the leader lock: on duty as before');
    // The lock session may live while no other can be opened (max_connections): then a peer is of more use.
    const isMute = writing.closedForMs > leaseMs && peers.living.length > 0;
    if (isMute) await this.#resign('cannot reach the database to write', null);
  }

  async #try(reason?: string): Promise<void> {
    const won = await this.#candidacy.tryAcquire(reason);
    if (!won) return;
    this.#options.onPromoted?.(won.reason);
    this.#become('active', `on duty for term ${won.term}: ${won.reason}`, won.term);
  }

  /** To fallen it goes at once: those who wait are told of the new role, not of one that lasts for no time. */
  async #resign(
    reason: string,
    handTo: string | null,
    { next = 'standby', patienceMs = SUCCESSOR_LIMIT_MS }: { next?: 'standby' | 'fallen'; patienceMs?: number } = {},
  ): Promise<void> {
    if (this.#role !== 'active') return;
    const { lock, peers, leaseMs, log, drain } = this.#options;
    this.#isResigning = true;
    try {
      await drain();
      await lock.release(reason, handTo);
      log.info({ event: 'resigned' }, `resigned: ${reason}${handTo ? `, for ${handTo}` : ''}`);
      if (peers.living.length > 0) {
        this.#candidacy.backOff(leaseMs);
        await within(patienceMs, peers.anyActive());
      }
    } finally {
      this.#isResigning = false;
    }
    const { active } = peers;
    const alone = peers.living.length === 0 ? 'nobody is on duty: no peer is there' : 'nobody is on duty yet';
    if (this.#role === 'active') this.#become(next, active ? `${active.node} is on duty now` : alone);
  }

  #become(role: Role, sentence: string, term?: number): void {
    if (role === this.#role) return;
    const isDemotion = this.#role === 'active' && role === 'standby';
    const event = role === 'active' ? 'promoted' : isDemotion ? 'demoted' : role;
    this.#role = role;
    this.#changes.forget('lease');
    this.#candidacy.reset();
    this.#housekeeping.roleChanged();
    this.#options.log.info({ event, ...(term === undefined ? {} : { term }) }, sentence);
    this.#options.onRole(role);
    this.#loop.wake();
  }

  async #stop(): Promise<void> {
    const { lock, peers } = this.#options;
    lock.interrupt();
    const resigned = this.#loop.runExclusive(() => this.#resign('stopped', null));
    await within(STOP_LIMIT_MS, resigned);
    await this.#loop.end();
    // A node that could not start (its port is taken) must not say "stopped" in the row of the one that runs under its name.
    if (this.#isStarted) await within(STOP_LIMIT_MS / 4, this.#housekeeping.end());
    peers.stop();
    lock.abandon('stopped');
  }
}
