import { reasonOf } from '../database/errors.ts';
import { messageOf } from '../message-of.ts';
import type { ChangeLogger } from './change-logger.ts';
import { type Clock, monotonic } from './clock.ts';
import { idleIntervalMs, jittered } from './election-timing.ts';
import type { Peers } from './peers/peers.ts';
import type { Role } from './role.ts';

/** Options of {@link Housekeeping}. */
export interface HousekeepingOptions {
  leaseMs: number;
  isPreferred: boolean;
  peers: Peers;
  changes: ChangeLogger;
  /** Writes this node's row and reads its peers' rows (node-registry.ts). */
  beat(role: Role | 'stopped'): Promise<void>;
  /** Requests a switchover to this node, the preferred one; returns the answer of plantao.switchover(). */
  requestDuty(): Promise<string>;
  /** True while this node has read the whole log and could serve; a preferred node requests nothing before. */
  isCaughtUp(): boolean;
  clock?: Clock;
}

const ROW_EVERY_MS = 1000;

/**
 * The periodic work beside the lock; nothing waits for it: probes the peers' `/health`, writes this node's row, and, if this
 * node is the preferred one and another is active, requests a switchover.
 */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #clock: Clock;
  #duePeers = 0;
  #dueRow = 0;
  #dueRequest = 0;
  #row: Promise<void> | null = null;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.roleChanged();
  }

  /** Makes the row due at once. A preferred node waits two leases, so that a fault does not make the role bounce. */
  roleChanged(): void {
    this.#dueRow = 0;
    this.#dueRequest = this.#clock() + 2 * this.#options.leaseMs;
  }

  /** Starts what is due; must be called at least as often as the shortest interval. */
  runDue(role: Role): void {
    const { peers, leaseMs } = this.#options;
    const now = this.#clock();
    if (now >= this.#duePeers) {
      this.#duePeers = now + idleIntervalMs(leaseMs);
      void peers.ask(Math.min(500, Math.max(100, leaseMs / 4)));
    }
    if (now >= this.#dueRow && this.#row === null) {
      this.#dueRow = now + ROW_EVERY_MS;
      this.#row = this.#writeRow(role);
    }
    if (now >= this.#dueRequest && role === 'standby' && this.#wantsRole) {
      this.#dueRequest = now + jittered(2 * leaseMs);
      void this.#requestRole();
    }
  }

  /** Writes the last row: this node has stopped. */
  async end(): Promise<void> {
    await this.#row;
    await this.#writeRow('stopped');
  }

  /** Of two preferred nodes neither takes the role from the other. */
  get #wantsRole(): boolean {
    const { isPreferred, peers, isCaughtUp } = this.#options;
    return isPreferred && peers.active !== null && !peers.active.isPreferred && isCaughtUp();
  }

  async #writeRow(role: Role | 'stopped'): Promise<void> {
    const { changes } = this.#options;
    try {
      await this.#options.beat(role);
      changes.resolve('row', "the node's row in plantao.nodes is written again");
    } catch (error) {
      const sentence = `the node's row in plantao.nodes cannot be written: ${messageOf(error)}`;
      changes.report('row', sentence, undefined, reasonOf(error));
    } finally {
      this.#row = null;
    }
  }

  async #requestRole(): Promise<void> {
    const answer = await this.#options.requestDuty().catch((error) => `could not ask: ${messageOf(error)}`);
    this.#options.changes.report('preferred', `PREFERRED requests the switch back: ${answer}`);
  }
}
