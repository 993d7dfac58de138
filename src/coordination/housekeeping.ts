import { messageOf, reasonOf } from '../database/errors.ts';
import type { ChangeLogger } from './change-logger.ts';
import { type Clock, monotonic } from './clock.ts';
import { idleIntervalMs, jittered } from './election-timing.ts';
import type { Peers } from './peers/peers.ts';
import type { Role } from './role.ts';

/** What an {@link Housekeeping} is made of. */
export interface HousekeepingOptions {
  leaseMs: number;
  isPreferred: boolean;
  peers: Peers;
  changes: ChangeLogger;
  /** Writes the node's row and takes in its peers' (node-registry.ts). */
  beat(role: Role | 'stopped'): Promise<void>;
  /** Asks the active for the duty on behalf of a primary, and answers what it said (plantao.switchover). */
  requestDuty(): Promise<string>;
  /** True while this node has the whole log and could serve; a primary does not ask for the duty before. */
  isCaughtUp(): boolean;
  clock?: Clock;
}

const ROW_EVERY_MS = 1000;

/**
 * What a node does beside the lock, each when it is due and none waited for: asks its peers' `/health`, writes its row,
 * and, if it is the primary and another is on duty, asks for the duty.
 */
export class Housekeeping {
  readonly #options: HousekeepingOptions;
  readonly #clock: Clock;
  #duePeers = 0;
  #dueRow = 0;
  #duePrimary = 0;
  #row: Promise<void> | null = null;

  constructor(options: HousekeepingOptions) {
    this.#options = options;
    this.#clock = options.clock ?? monotonic;
    this.roleChanged();
  }

  /** The row is due at once; a primary gives whoever is on duty now two leases, so that no trouble makes a ping-pong. */
  roleChanged(): void {
    this.#dueRow = 0;
    this.#duePrimary = this.#clock() + 2 * this.#options.leaseMs;
  }

  /** Does what is due; must be called at least as often as the shortest of these is due. */
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
    if (now >= this.#duePrimary && role === 'standby' && this.#wantsDuty) {
      this.#duePrimary = now + jittered(2 * leaseMs);
      void this.#requestDuty();
    }
  }

  /** The last row: this node has stopped. */
  async end(): Promise<void> {
    await this.#row;
    await this.#writeRow('stopped');
  }

  /** Of two primaries neither takes the duty from the other. */
  get #wantsDuty(): boolean {
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

  async #requestDuty(): Promise<void> {
    const answer = await this.#options.requestDuty().catch((error) => `could not ask: ${messageOf(error)}`);
    this.#options.changes.report('preferred', `PREFERRED requests the switch back: ${answer}`);
  }
}
