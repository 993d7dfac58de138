import { jittered } from '../async/backoff.ts';
import { type Clock, monotonic } from '../async/clock.ts';
import { reasonOf } from '../database/errors.ts';
import { errorMessage } from '../error-message.ts';
import type { ChangeLogger } from './change-logger.ts';
import { idleIntervalMs } from './election-timing.ts';
import type { Peers } from './peers/peers.ts';
import type { NodeRole } from './role/role.ts';

/** Options of {@link Housekeeping}. */
export interface HousekeepingOptions {
  leaseMs: number;
  isPreferred: boolean;
  peers: Peers;
  changes: ChangeLogger;
  /**
   * Writes this node's row, with the newest term that it knows, and reads its peers' rows (node-registry.ts). Returns true if
   * plantao.switchover() requested a switchover from the active node of that term.
   */
  writeRow(role: NodeRole | 'stopped', term: number | null): Promise<boolean>;
  onSwitchoverRequested(): void;
  /** Requests a switchover to this node, the preferred one; returns the result of plantao.switchover(). */
  requestSwitchover(): Promise<string>;
  /** Returns true if this node has read the whole log, so that it can serve. Until then a preferred node does not request the role. */
  isCaughtUp(): boolean;
  clock?: Clock;
}

const ROW_EVERY_MS = 1000;
/**
 * How many times longer an active or fallen node waits between two probes than a standby does: it does not act on the result of a
 * probe at once. It notices immediately when a peer's connection closes, and NOTIFY announces a later term.
 */
const SLOW_PROBE_FACTOR = 4;
const ROW_AFTER_CHANGE_MS = 200;

/**
 * The periodic work that is independent of the lock; nothing waits for it. Probes the peers' `/health`, writes this node's row, and, if this
 * node is the preferred one and another is active, requests a switchover.
 */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #clock: Clock;
  #probeDueAt = 0;
  #rowDueAt = 0;
  #requestDueAt = 0;
  #row: Promise<void> | null = null;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.#requestDueAt = this.#clock() + 2 * options.leaseMs;
  }

  /**
   * Makes the row due soon, but not at once: otherwise the session that writes it would be opened while the first posts of a new
   * term need their sessions. A preferred node waits two leases before it requests the role, so that a fault does not make the role bounce.
   */
  roleChanged(): void {
    this.#rowDueAt = this.#clock() + ROW_AFTER_CHANGE_MS;
    this.probeSoon();
    this.#requestDueAt = this.#clock() + 2 * this.#options.leaseMs;
  }

  /** Makes the probes due at once, so that the successor of a node that resigned is seen soon even if its NOTIFY is lost. */
  probeSoon(): void {
    this.#probeDueAt = 0;
  }

  /** Makes the row due at once. Writing it also reads the requests and the pause in the database. */
  writeRowSoon(): void {
    this.#rowDueAt = 0;
  }

  /** Starts the work that is due; must be called at least as often as the shortest interval. */
  runDue(role: NodeRole, term: number | null): void {
    const { peers, leaseMs } = this.#options;
    const now = this.#clock();
    if (now >= this.#probeDueAt) {
      this.#probeDueAt = now + idleIntervalMs(leaseMs) * (role === 'standby' ? 1 : SLOW_PROBE_FACTOR);
      void peers.probe(Math.min(500, Math.max(100, leaseMs / 4)));
    }
    if (now >= this.#rowDueAt && this.#row === null) {
      this.#rowDueAt = now + ROW_EVERY_MS;
      this.#row = this.#writeRow(role, term);
    }
    if (now >= this.#requestDueAt && role === 'standby' && this.#shouldRequestRole) {
      this.#requestDueAt = now + jittered(2 * leaseMs, 0.2);
      void this.#requestRole();
    }
  }

  /** Writes the last row: this node has stopped. */
  async end(term: number | null): Promise<void> {
    await this.#row;
    await this.#writeRow('stopped', term);
  }

  /** False if the active node is also a preferred one: two preferred nodes do not take the role from each other. */
  get #shouldRequestRole(): boolean {
    const { isPreferred, peers, isCaughtUp } = this.#options;
    return isPreferred && peers.active !== null && !peers.active.isPreferred && isCaughtUp();
  }

  async #writeRow(role: NodeRole | 'stopped', term: number | null): Promise<void> {
    const { changes, writeRow, onSwitchoverRequested } = this.#options;
    try {
      if (await writeRow(role, term)) onSwitchoverRequested();
      changes.resolve('row', 'the node can write its row in plantao.nodes again');
    } catch (error) {
      const sentence = `the node's row in plantao.nodes cannot be written: ${errorMessage(error)}`;
      changes.report('row', sentence, undefined, reasonOf(error));
    } finally {
      this.#row = null;
    }
  }

  async #requestRole(): Promise<void> {
    const result = await this.#options.requestSwitchover().catch((error) => `it failed: ${errorMessage(error)}`);
    this.#options.changes.report('preferred', `requested the active role back (PREFERRED): ${result}`);
  }
}
