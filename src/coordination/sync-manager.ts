/**
 * The leader election, which keeps exactly one node active. This is the whole protocol of coordination.
 *
 * Only one node writes, because posts are batched in its memory: one commit with one NOTIFY stores the posts of all clients.
 * NOTIFY takes a lock at commit that all sessions of the server share, so several writers would wait for each other. The rate
 * limits of writes are counted in its memory too.
 *
 * A node is **standby**, **active** or **fallen**. Only the leader lock makes a node active. A node is promoted when its lock
 * session has taken the lock and opened a term, and it stays active while PostgreSQL confirms the heartbeats on that session
 * (lock/heartbeat.ts). A separate thread sends them (lock/lock-thread.ts). Everything else that a node observes decides
 * only *when* it tries to take the lock:
 *
 *  - at the idle interval, a few times a second, while a node is seen active;
 *  - at once, then every 5 ms for 100 ms and every 20 ms until half a second has passed, after a resignation (NOTIFY), after a
 *    peer's connection closes or its probe fails, and after the loss of its own lock session;
 *  - every 50 ms for three leases while no node is seen active, then at the idle interval again (election-timing.ts).
 *
 * Every failure ends in one of these ways. The kernel of a killed active node closes its sockets, which frees the lock in milliseconds, and
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
 * of its successor, so that it can name it to its remaining clients (handover.ts).
 */

import { type Clock, monotonic } from '../async/clock.ts';
import { withTimeout } from '../async/with-timeout.ts';
import { Candidacy } from './candidacy.ts';
import { ChangeLogger } from './change-logger.ts';
import { nextTickMs } from './election-timing.ts';
import type { EndCause } from './end-cause.ts';
import { Handover } from './handover.ts';
import { Housekeeping } from './housekeeping.ts';
import type { Term } from './lock/term.ts';
import { LossReport } from './loss-report.ts';
import type { ClusterSignal } from './peers/cluster-signal.ts';
import { OwnRole } from './role/own-role.ts';
import type { NodeRole, SwitchoverRefusal } from './role/role.ts';
import { RunLoop } from './run-loop.ts';
import { SignalHandling } from './signal-handling.ts';
import type { SwitchoverOrigin, SyncManagerOptions } from './sync-manager-options.ts';

/** A node opens its lock session and takes the lock in about 50 ms. If it cannot, the others follow after this time. */
const DEFER_MS = 100;
/**
 * An active node that cannot open its write session for this long, in milliseconds, hands the role to a peer. A shorter lease is the
 * limit instead.
 */
const MAX_UNREACHABLE_MS = 5000;
/** Deadline of each part of a stop: a database that does not respond must not keep the process alive. */
const STOP_LIMIT_MS = 2000;
const REFUSES_WRITES =
  'refuses writes until PostgreSQL confirms the leader lock: its lease has expired, or a peer is active in a later term';
const LEASE_EXPIRED =
  'no node is active: this one holds the leader lock, and PostgreSQL is too slow to confirm it within the lease';

/** The leader election: a node's role and everything that changes it. The head of this file describes the protocol. */
export class SyncManager {
  readonly #options: SyncManagerOptions;
  readonly #clock: Clock;
  readonly #candidacy: Candidacy;
  readonly #changes: ChangeLogger;
  readonly #housekeeping: Housekeeping;
  readonly #lossReport: LossReport;
  readonly #ownRole: OwnRole;
  readonly #handover: Handover;
  readonly #signals: SignalHandling;
  readonly #loop: RunLoop;
  /** The highest later term for which this node has doubted its own. */
  #lastDoubtedTerm = 0;
  #isStarted = false;
  #stopping: Promise<void> | null = null;

  constructor(options: SyncManagerOptions) {
    const changes = new ChangeLogger(options.log);
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#changes = changes;
    this.#candidacy = new Candidacy({ ...options, changes, lastActiveAt: () => this.#lastActiveAt });
    this.#ownRole = new OwnRole({ log: options.log, clock: this.#clock, onChange: (role) => this.#onRole(role) });
    const onSwitchoverRequested = () => void this.#handover.switchoverAsRequested();
    this.#housekeeping = new Housekeeping({ ...options, changes, onSwitchoverRequested });
    this.#lossReport = new LossReport(options);
    this.#loop = new RunLoop({
      ...(options.clock ? { clock: options.clock } : {}),
      tick: () => this.#tick(),
      step: () => this.#step(),
      onError: (error) =>
        options.log.error({ event: 'election_failed', err: error }, 'a step of the leader election failed'),
      intervalMs: () =>
        nextTickMs({ role: this.#ownRole.current, leaseMs: options.leaseMs, ...this.#candidacy.electionState }),
    });
    const parts = {
      ownRole: this.#ownRole,
      candidacy: this.#candidacy,
      housekeeping: this.#housekeeping,
      loop: this.#loop,
    };
    const suspectVacancy = (reason: string) => this.suspectVacancy(reason);
    this.#handover = new Handover({ ...options, ...parts, suspectVacancy });
    this.#signals = new SignalHandling({
      ...{ ...options, ...parts, handover: this.#handover, suspectVacancy },
      isLed: () => this.leader !== null,
    });
  }

  /** The same as {@link OwnRole.visible}. */
  get role(): NodeRole {
    return this.#ownRole.visible;
  }

  /** True while this node may accept writes. */
  get isActive(): boolean {
    return this.#ownRole.acceptsWrites;
  }

  /** The active node as far as this one knows, itself included. */
  get leader(): { node: string; url: string | null; term: number } | null {
    const { node, peers } = this.#options;
    const { term } = this.#ownRole;
    if (term && this.isActive) return { node, url: null, term: term.number };
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
    const { lastActiveAt: own } = this.#ownRole;
    const { lastActiveAt: peer } = this.#options.peers;
    return own === null || peer === null ? (own ?? peer) : Math.max(own, peer);
  }

  /** Why no node is active although this one could be; null otherwise. */
  get promotionProblem(): string | null {
    if (this.leader !== null) return null;
    const { current, isResigning } = this.#ownRole;
    if (current === 'active' && !isResigning) return LEASE_EXPIRED;
    return current === 'standby' ? this.#candidacy.problem : null;
  }

  /** Starts. With IS_ACTIVE=false the node lets its peers try first: it waits two leases, or until a peer is seen active. */
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
      if (this.#ownRole.current === 'fallen') return;
      await this.#handover.resign({ reason: 'fall', cause: 'fall' }, { next: 'fallen' });
      this.#ownRole.become('fallen', 'taken out of service by request: POST /revive brings it back');
      await this.#options.lock.close();
    });
  }

  /** Becomes a candidate again. Resolves after one attempt if no node was active; takes no lock that another holds. */
  async revive(): Promise<void> {
    await this.#loop.runExclusive(async () => {
      if (this.#ownRole.current !== 'fallen' || this.#stopping) return;
      this.#ownRole.become('standby', 'back in service by request');
      this.#candidacy.endBackOff();
      await this.#runStandby('revived while no node was active');
    });
  }

  /** Calls {@link Handover.switchover}. */
  switchover(to: string | null, origin: SwitchoverOrigin): Promise<SwitchoverRefusal | null> {
    return this.#handover.switchover(to, origin);
  }

  /** Resigns because this node cannot write, and closes the lock session: the next one may be opened to another server. */
  async giveUp(reason: string): Promise<void> {
    await this.#loop.runExclusive(async () => {
      await this.#handover.resign({ reason, cause: 'cannot_write' });
      await this.#options.lock.close();
    });
  }

  /** Calls {@link SignalHandling.handle}. */
  handleSignal(signal: ClusterSignal): void {
    this.#signals.handle(signal);
  }

  /** Records that the lock may be free: a standby tries to take it now. */
  suspectVacancy(reason: string): void {
    if (this.#ownRole.current !== 'standby') return;
    this.#candidacy.suspectVacancy(reason);
    this.#loop.wake();
  }

  /**
   * Called when PostgreSQL accepts writes again, after a restart or a failover. On a new primary, sessions that two nodes open at once
   * delay each other, so the node that was active last comes first.
   */
  handleServerFound(): void {
    this.#candidacy.deferToLast(this.#options.peers.highestTerm, DEFER_MS);
    this.suspectVacancy('PostgreSQL accepts writes again');
  }

  /** Handles the loss of the lock session while it held the lock. */
  handleLockLost(reason: string, cause: EndCause): void {
    const { term } = this.#ownRole;
    if (term) this.#lossReport.lost(term.number, cause);
    if (this.#ownRole.current === 'active') this.#ownRole.become('standby', `lost the leader lock: ${reason}`);
    this.suspectVacancy('its own lock session was lost');
  }

  #tick(): void {
    this.#ownRole.noteLease();
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
    const { term } = this.#ownRole;
    if (!term || later <= Math.max(term.number, this.#lastDoubtedTerm)) return;
    this.#lastDoubtedTerm = later;
    term.doubt();
  }

  async #step(): Promise<void> {
    const { term, current } = this.#ownRole;
    if (term) await this.#runActive(term);
    else if (current === 'standby' && !this.#stopping) await this.#runStandby();
  }

  /** The step of a standby: tries to take the lock, unless it lets others try first. */
  async #runStandby(reason?: string): Promise<void> {
    if (this.#candidacy.isDeferring) return;
    if (!this.#candidacy.mayTry) return this.#candidacy.checkHolder();
    const won = await this.#candidacy.tryAcquire(reason);
    if (!won) return;
    this.#options.onPromoted?.(won.reason);
    this.#ownRole.become('active', `active for term ${won.term.number}: ${won.reason}`, won.term);
  }

  /** The step of an active node. Its lease is renewed without this (lock/heartbeat.ts). */
  async #runActive(term: Term): Promise<void> {
    const { lock, writerSession: writing, peers, leaseMs } = this.#options;
    if (!term.isValid) {
      // A lost lock is logged below.
      if (term.isHeld) this.#changes.report('lease', REFUSES_WRITES);
      const isHeld = await lock.renew();
      if (!isHeld && this.#ownRole.term === term)
        this.handleLockLost('its lease could not be renewed', 'connection_lost');
      if (!isHeld) return;
    }
    this.#changes.resolve('lease', 'PostgreSQL confirmed the leader lock: active as before');
    // The lock session may live while no other can be opened (max_connections): then a peer can serve better. While commits wait
    // for a synchronous standby they would wait at a peer too, so that does not count.
    const cannotWrite =
      writing.unreachableForMs > Math.min(leaseMs, MAX_UNREACHABLE_MS) &&
      peers.living.length > 0 &&
      !this.#options.pause?.current;
    if (cannotWrite)
      await this.#handover.resign({ reason: 'cannot reach the database to write', cause: 'cannot_write' });
  }

  #onRole(role: NodeRole): void {
    this.#changes.forget('lease');
    this.#candidacy.reset();
    this.#housekeeping.roleChanged();
    this.#options.onRole(role);
    this.#loop.wake();
  }

  async #stop(): Promise<void> {
    const { lock, peers } = this.#options;
    lock.interrupt();
    const resigned = this.#loop.runExclusive(() => this.#handover.resign({ reason: 'stopped', cause: 'stop' }));
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
