/**
 * The leader election: how exactly one node is active. This is the whole protocol of coordination.
 *
 * Only one node writes, because posts are batched in its memory: one commit with one NOTIFY stores the posts of all clients.
 * NOTIFY takes a lock at commit that all sessions of the server share, so several writers would wait for each other. The rate
 * limits of writes are counted in its memory too.
 *
 * A node is **standby**, **active** or **fallen**. Only the leader lock makes a node active. A node is promoted when its lock
 * session has taken the lock and opened a term, and it stays active while PostgreSQL confirms the heartbeats on that session
 * (lock/leader-lock.ts). A thread of its own sends them (lock/lock-thread.ts). Everything else that a node observes decides
 * only *when* it tries to take the lock:
 *
 *  - at the idle interval, a few times a second, while a node is seen active;
 *  - at once, then every 5 ms for 100 ms and every 20 ms until half a second has passed, after a resignation (NOTIFY), after a
 *    peer's connection closes or its probe fails, and after the loss of its own lock session;
 *  - every 50 ms for three leases while no node is seen active, then at the idle interval again (election-timing.ts).
 *
 * What each failure does. The kernel of a killed active node closes its sockets, which frees the lock in milliseconds, and
 * its peers notice the closed connection. A frozen or disconnected active node loses the lock after one lease, by
 * PostgreSQL's clock; before that its own lease expires, by its monotonic clock. If it wakes up in between, the fence refuses
 * its writes. A false probe result makes a standby try too often or too rarely, but never makes two nodes active. While
 * PostgreSQL is unreachable no node is active.
 *
 * During a pause (plantao.pause) PostgreSQL refuses every promotion but that of the process that was active last, which may
 * take its role back after a fault. So the role stays where it is, and no node has it if that process dies.
 *
 * A resignation is the same for /fall, SIGTERM and a switchover: refuse new writes, finish those under way, then close the
 * term, free the lock and notify the peers in one statement. The resigning node, and every node that was not named as
 * successor, waits briefly so that the successor wins the lock (candidacy.ts). The resigning node also waits briefly for news
 * of its successor, so that it can name it to its remaining clients.
 */

import { type Clock, monotonic } from '../async/clock.ts';
import { withTimeout } from '../async/with-timeout.ts';
import { Candidacy } from './candidacy.ts';
import { ChangeLogger } from './change-logger.ts';
import { headStartMs, nextTickMs } from './election-timing.ts';
import type { EndCause, Resignation } from './end-cause.ts';
import { Housekeeping } from './housekeeping.ts';
import type { Term } from './lock/term.ts';
import { LossReport } from './loss-report.ts';
import { OwnActivity } from './own-activity.ts';
import type { ClusterSignal } from './peers/cluster-signal.ts';
import { type NodeRole, type Refusal, refusalSentences } from './role.ts';
import { RunLoop } from './run-loop.ts';
import type { SwitchoverOrigin, SyncManagerOptions } from './sync-manager-options.ts';

/** A successor is known about 10 ms after a resignation; only a switchover waits longer than this. */
const SUCCESSOR_LIMIT_MS = 300;
/** A node opens the session of the lock and takes it in about 50 ms; if it cannot, the others follow after this time. */
const DEFER_MS = 100;
/** The longest back-off after a resignation, in milliseconds: a peer that lives has taken the lock by then. */
const MAX_BACK_OFF_MS = 2000;
/** A node that cannot open the session for writes for this long, in milliseconds, leaves the role to a peer; a shorter lease is the limit. */
const MAX_UNREACHABLE_MS = 5000;
/** Deadline of each part of a stop: a database that does not respond must not keep the process alive. */
const STOP_LIMIT_MS = 2000;
const REFUSES_WRITES =
  'refuses writes until PostgreSQL confirms the leader lock: its lease has expired, or a peer is active in a later term';

/** The leader election: a node's role and everything that changes it. The head of this file describes the protocol. */
export class SyncManager {
  readonly #options: SyncManagerOptions;
  readonly #clock: Clock;
  readonly #candidacy: Candidacy;
  readonly #changes: ChangeLogger;
  readonly #housekeeping: Housekeeping;
  readonly #lossReport: LossReport;
  readonly #ownActivity: OwnActivity;
  readonly #loop: RunLoop;
  #role: NodeRole = 'standby';
  /** The term of an active node; null in the other roles. */
  #term: Term | null = null;
  /** The highest later term for which this node has doubted its own. */
  #lastDoubtedTerm = 0;
  #isStarted = false;
  #isResigning = false;
  #stopping: Promise<void> | null = null;

  constructor(options: SyncManagerOptions) {
    const changes = new ChangeLogger(options.log);
    const onSwitchoverRequested = () => void this.#handOverAsRequested();
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#changes = changes;
    this.#candidacy = new Candidacy({ ...options, changes, lastActiveAt: () => this.#lastActiveAt });
    this.#housekeeping = new Housekeeping({ ...options, changes, onSwitchoverRequested });
    this.#lossReport = new LossReport(options);
    this.#ownActivity = new OwnActivity(options.clock);
    this.#loop = new RunLoop({
      ...(options.clock ? { clock: options.clock } : {}),
      tick: () => this.#tick(),
      step: () => this.#step(),
      onError: (error) =>
        options.log.error({ event: 'election_failed', err: error }, 'a step of the leader election failed'),
      intervalMs: () => nextTickMs({ role: this.#role, leaseMs: options.leaseMs, ...this.#candidacy.electionState }),
    });
  }

  /** The role as others should see it: a node whose lease has expired is not "active". */
  get role(): NodeRole {
    return this.#role === 'active' && !this.isActive ? 'standby' : this.#role;
  }

  /** True while this node may accept writes. */
  get isActive(): boolean {
    return this.#term?.isValid === true && !this.#isResigning;
  }

  /** The active node as far as this one knows, itself included. */
  get leader(): { node: string; url: string | null; term: number } | null {
    const { node, peers } = this.#options;
    if (this.#term && this.isActive) return { node, url: null, term: this.#term.number };
    return peers.active;
  }

  /**
   * How long no node has been active, in milliseconds: counted from the last sign of one, so it may be a little too long. Null while
   * one is active, and if this process has never known one. The next term records the same (plantao.leader_history.gap).
   */
  get noActiveMs(): number | null {
    const lastActiveAt = this.leader === null ? this.#lastActiveAt : null;
    return lastActiveAt === null ? null : this.#clock() - lastActiveAt;
  }

  get #lastActiveAt(): number | null {
    const { lastAt: own } = this.#ownActivity;
    const { lastActiveAt: peer } = this.#options.peers;
    return own === null || peer === null ? (own ?? peer) : Math.max(own, peer);
  }

  /** Why this node cannot be promoted while no node is active; null otherwise. */
  get promotionProblem(): string | null {
    return this.#role === 'standby' && this.leader === null ? this.#candidacy.problem : null;
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
      await this.#resign({ reason: 'fall', cause: 'fall' }, { next: 'fallen' });
      this.#become('fallen', 'taken out of service by request: POST /revive brings it back');
      await this.#options.lock.close();
    });
  }

  /** Becomes a candidate again. Resolves after one attempt if no node was active; takes no lock that another holds. */
  async revive(): Promise<void> {
    await this.#loop.runExclusive(async () => {
      if (this.#role !== 'fallen' || this.#stopping) return;
      this.#become('standby', 'back in service by request');
      this.#candidacy.endBackOff();
      await this.#runStandby('revived while no node was active');
    });
  }

  /**
   * Hands the role over to `to`, or to the first standby that takes the lock. Returns null once it is active, otherwise the reason
   * why not. If no standby takes over, this node tries again at once.
   */
  async switchover(to: string | null, { reason, askedBy }: SwitchoverOrigin): Promise<Refusal | null> {
    const { node, peers, leaseMs } = this.#options;
    if (!this.isActive) return 'not_active';
    if (to === node) return 'already_active';
    if (this.#options.pause?.current) return 'paused';
    if (to !== null && !peers.living.includes(to)) return peers.knows(to) ? 'no_standby' : 'unknown_node';
    if (peers.living.length === 0) return 'no_standby';
    const patienceMs = Math.max(SUCCESSOR_LIMIT_MS, 2 * headStartMs(leaseMs));
    const hasResigned = await this.#loop.runExclusive(async () => {
      // Another switchover, or a fall, may have come first.
      if (!this.isActive) return false;
      await this.#resign({ reason, cause: 'switchover', handTo: to, askedBy }, { patienceMs });
      return true;
    });
    if (!hasResigned) return 'not_active';
    const successor = peers.active;
    if (successor !== null) return to === null || successor.node === to ? null : 'other_successor';
    this.#candidacy.endBackOff();
    this.suspectVacancy('no standby took over');
    return 'no_successor';
  }

  /** Resigns because this node cannot write, and opens the lock session anew: it may be with another server then. */
  async giveUp(reason: string): Promise<void> {
    await this.#loop.runExclusive(async () => {
      await this.#resign({ reason, cause: 'cannot_write' });
      await this.#options.lock.close();
    });
  }

  /** Handles a cluster notification, which was received on the channel `plantao_cluster`. */
  handleSignal(signal: ClusterSignal): void {
    if (signal.kind === 'switchover') void this.#handOverAsRequested();
    else if (signal.kind === 'pause') this.#handlePause();
    else if (signal.kind === 'promoted') this.#handlePromotion(signal);
    else this.#handleResignation(signal.term, signal.to);
  }

  /** Handles the start or end of a pause, which is read with the next row. After its end a standby tries at once. */
  #handlePause(): void {
    this.#housekeeping.writeRowSoon();
    if (this.leader === null) this.suspectVacancy('failover is possible again');
    this.#loop.wake();
  }

  /** Records that the lock may be free: a standby tries to take it now. */
  suspectVacancy(reason: string): void {
    if (this.#role !== 'standby') return;
    this.#candidacy.suspectVacancy(reason);
    this.#loop.wake();
  }

  /**
   * Handles that PostgreSQL accepts writes again, after a restart or a failover. On a new primary the sessions of two nodes that open
   * at once delay each other, so the node that was active last comes first.
   */
  handleServerFound(): void {
    this.#candidacy.deferToLast(this.#options.peers.highestTerm, DEFER_MS);
    this.suspectVacancy('PostgreSQL accepts writes again');
  }

  /** Handles the loss of the lock session while it held the lock. */
  handleLockLost(reason: string, cause: EndCause): void {
    if (this.#term) this.#lossReport.lost(this.#term.number, cause);
    if (this.#role === 'active') this.#become('standby', `lost the leader lock: ${reason}`);
    this.suspectVacancy('its own lock session was lost');
  }

  /** Handles the promotion of another node: an active node checks its own lock at once. */
  #handlePromotion(leader: { node: string; url: string; term: number }): void {
    const { node, peers, lock } = this.#options;
    if (leader.node === node) return;
    peers.observePromotion(leader);
    // Not left to the next tick, because an older observation of that node may hide this one, and the node may be dead by then.
    this.#candidacy.activeSeen();
    if (this.#role === 'active') void lock.renew();
  }

  #handleResignation(term: number, to: string | null): void {
    const { node, peers, leaseMs } = this.#options;
    peers.observeResignation(term);
    if (this.#role !== 'standby') return;
    if (to === null) this.suspectVacancy('the active node resigned');
    else if (to !== node) this.#candidacy.backOff(headStartMs(leaseMs));
    else {
      this.#candidacy.endBackOff();
      this.suspectVacancy('it was named as successor');
    }
  }

  #tick(): void {
    if (this.#term && this.isActive) this.#ownActivity.leased(this.#term.validUntil);
    if (this.#options.peers.active || this.isActive) this.#candidacy.activeSeen();
    else this.#candidacy.noneSeen();
    this.#doubtIfSuperseded(this.#options.peers.highestTerm);
    this.#lossReport.runDue();
    this.#housekeeping.runDue(this.role, this.leader?.term ?? null);
  }

  /**
   * Doubts the term if a peer reports that it is active in a later one: PostgreSQL has freed the lock, and this node was not
   * notified (a DBA terminated its session while the connection was half open). The node acts on its term again once
   * PostgreSQL confirms it. Each later term causes one doubt, so a peer that lies costs one heartbeat.
   */
  #doubtIfSuperseded(later: number): void {
    if (!this.#term || later <= Math.max(this.#term.number, this.#lastDoubtedTerm)) return;
    this.#lastDoubtedTerm = later;
    this.#term.doubt();
  }

  async #step(): Promise<void> {
    if (this.#term) await this.#runActive(this.#term);
    else if (this.#role === 'standby' && !this.#stopping) await this.#runStandby();
  }

  /** The step of a standby: tries to take the lock, unless it lets others try first. */
  async #runStandby(reason?: string): Promise<void> {
    if (this.#candidacy.isDeferring) return;
    if (!this.#candidacy.mayTry) return this.#candidacy.checkHolder();
    const won = await this.#candidacy.tryAcquire(reason);
    if (!won) return;
    this.#options.onPromoted?.(won.reason);
    this.#become('active', `active for term ${won.term.number}: ${won.reason}`, won.term);
  }

  /** The step of an active node. Its lease is renewed without this (lock/leader-lock.ts). */
  async #runActive(term: Term): Promise<void> {
    const { lock, writerSession: writing, peers, leaseMs } = this.#options;
    if (!term.isValid) {
      // A lost lock is logged below.
      if (term.isHeld) this.#changes.report('lease', REFUSES_WRITES);
      const isHeld = await lock.renew();
      if (!isHeld && this.#term === term) this.handleLockLost('its lease could not be renewed', 'connection_lost');
      if (!isHeld) return;
    }
    this.#changes.resolve('lease', 'PostgreSQL confirmed the leader lock: active as before');
    // The lock session may live while no other can be opened (max_connections): then a peer can serve better. While commits wait
    // for a synchronous standby they would wait at a peer too, so that does not count.
    const cannotWrite =
      writing.unreachableForMs > Math.min(leaseMs, MAX_UNREACHABLE_MS) &&
      peers.living.length > 0 &&
      !this.#options.pause?.current;
    if (cannotWrite) await this.#resign({ reason: 'cannot reach the database to write', cause: 'cannot_write' });
  }

  /**
   * Resigns. A fall changes the role from active to fallen directly, so that waiting clients do not receive a short-lived standby
   * role.
   */
  async #resign(
    { reason, cause, handTo = null, askedBy = null }: Partial<Resignation> & Pick<Resignation, 'reason' | 'cause'>,
    { next = 'standby', patienceMs = SUCCESSOR_LIMIT_MS }: { next?: 'standby' | 'fallen'; patienceMs?: number } = {},
  ): Promise<void> {
    if (this.#role !== 'active') return;
    const { lock, peers, leaseMs, log, drain } = this.#options;
    this.#isResigning = true;
    try {
      await drain();
      await lock.release({ reason, cause, handTo, askedBy });
      this.#ownActivity.ended();
      this.#housekeeping.probeSoon();
      this.#loop.wake();
      const [by, to] = [askedBy ? ` by ${askedBy.name}` : '', handTo ? `, for ${handTo}` : ''];
      log.info({ event: 'resigned' }, `resigned: ${reason}${by}${to}`);
      if (peers.living.length > 0) {
        this.#candidacy.backOff(Math.min(leaseMs, MAX_BACK_OFF_MS));
        await peers.waitForActive(patienceMs);
      }
    } finally {
      this.#isResigning = false;
    }
    const alone = peers.living.length === 0 ? 'no node is active: no peer is alive' : 'no node is active yet';
    if (this.#role === 'active') this.#become(next, peers.active ? `${peers.active.node} is active now` : alone);
  }

  /**
   * Carries out what plantao.switchover() requested: on its NOTIFY, or when this node's row shows the request. If the request
   * cannot be read, the next row finds it again.
   */
  async #handOverAsRequested(): Promise<void> {
    const { takeSwitchoverRequest, log } = this.#options;
    if (!this.#term || !this.isActive) return;
    const request = await takeSwitchoverRequest(this.#term.number).catch(() => null);
    if (request === null) return;
    const refusal = await this.switchover(request.handTo, {
      reason: 'switchover requested in SQL',
      askedBy: request.askedBy,
    });
    if (refusal === null) return;
    const successor = request.handTo ?? 'any standby';
    const sentence = `refused a switchover to ${successor}, requested in SQL: ${refusalSentences[refusal]}`;
    log.warn({ event: 'switchover_refused' }, sentence);
  }

  #become(role: NodeRole, sentence: string, term: Term | null = null): void {
    if (role === this.#role) return;
    const isDemotion = this.#role === 'active' && role === 'standby';
    const event = role === 'active' ? 'promoted' : isDemotion ? 'demoted' : role;
    this.#ownActivity.ended();
    if (term) this.#ownActivity.leased(term.validUntil);
    this.#role = role;
    this.#term = term;
    this.#changes.forget('lease');
    this.#candidacy.reset();
    this.#housekeeping.roleChanged();
    this.#options.log.info({ event, ...(term ? { term: term.number } : {}) }, sentence);
    this.#options.onRole(role);
    this.#loop.wake();
  }

  async #stop(): Promise<void> {
    const { lock, peers } = this.#options;
    lock.interrupt();
    const resigned = this.#loop.runExclusive(() => this.#resign({ reason: 'stopped', cause: 'stop' }));
    await withTimeout<unknown>(STOP_LIMIT_MS, resigned, () => {});
    await this.#loop.end();
    // A node that could not start (its port is taken) must not write "stopped" into the row of the node that uses its name.
    if (this.#isStarted) {
      const ended = this.#housekeeping.end(this.leader?.term ?? null);
      await withTimeout<unknown>(STOP_LIMIT_MS / 4, ended, () => {});
    }
    peers.stop();
    lock.abandon('stopped');
  }
}
