import type { Candidacy } from './candidacy.ts';
import { headStartMs } from './election-timing.ts';
import type { Resignation } from './end-cause.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { OwnRole } from './role/own-role.ts';
import { refusalSentences, type SwitchoverRefusal } from './role/role.ts';
import type { RunLoop } from './run-loop.ts';
import type { SwitchoverOrigin, SyncManagerOptions } from './sync-manager-options.ts';

/** A successor is known about 10 ms after a resignation; only a switchover waits longer than this. */
const SUCCESSOR_LIMIT_MS = 300;
/** The longest back-off after a resignation, in milliseconds: a living peer has taken the lock by then. */
const MAX_BACK_OFF_MS = 2000;

/** Options of a {@link Handover}. */
export interface HandoverOptions
  extends Pick<
    SyncManagerOptions,
    'node' | 'lock' | 'peers' | 'pause' | 'leaseMs' | 'log' | 'drain' | 'takeSwitchoverRequest'
  > {
  ownRole: OwnRole;
  candidacy: Pick<Candidacy, 'backOff' | 'endBackOff'>;
  housekeeping: Pick<Housekeeping, 'probeSoon'>;
  loop: Pick<RunLoop, 'runExclusive' | 'wake'>;
  suspectVacancy(reason: string): void;
}

/** Ends the active role of this node: by a resignation, or by a switchover, which may name the successor. */
export class Handover {
  readonly #options: HandoverOptions;

  constructor(options: HandoverOptions) {
    this.#options = options;
  }

  /**
   * Hands the role over to `to`, or to the first standby that takes the lock. Returns null once it is active, otherwise the reason
   * why not. If no standby takes over, this node tries to take the lock again at once.
   */
  async switchover(to: string | null, { reason, requester }: SwitchoverOrigin): Promise<SwitchoverRefusal | null> {
    const { node, peers, leaseMs, ownRole, candidacy, loop, pause } = this.#options;
    if (!ownRole.acceptsWrites) return 'not_active';
    if (to === node) return 'already_active';
    if (pause?.current) return 'paused';
    if (to !== null && !peers.living.includes(to)) return peers.knows(to) ? 'no_standby' : 'unknown_node';
    if (peers.living.length === 0) return 'no_standby';
    const successorLimitMs = Math.max(SUCCESSOR_LIMIT_MS, 2 * headStartMs(leaseMs));
    const hasResigned = await loop.runExclusive(async () => {
      // Another switchover, or a fall, may have come first.
      if (!ownRole.acceptsWrites) return false;
      await this.resign({ reason, cause: 'switchover', handTo: to, requester }, { successorLimitMs });
      return true;
    });
    if (!hasResigned) return 'not_active';
    const successor = peers.active;
    if (successor !== null) return to === null || successor.node === to ? null : 'other_successor';
    candidacy.endBackOff();
    this.#options.suspectVacancy('no standby took over');
    return 'no_successor';
  }

  /**
   * Carries out what plantao.switchover() requested: on its NOTIFY, or when this node's row shows the request. If the request
   * cannot be read, the next row finds it again.
   */
  async switchoverAsRequested(): Promise<void> {
    const { takeSwitchoverRequest, log, ownRole } = this.#options;
    if (!ownRole.term || !ownRole.acceptsWrites) return;
    const request = await takeSwitchoverRequest(ownRole.term.number).catch(() => null);
    if (request === null) return;
    const refusal = await this.switchover(request.handTo, {
      reason: 'switchover requested in SQL',
      requester: request.requester,
    });
    if (refusal === null) return;
    const successor = request.handTo ?? 'any standby';
    const sentence = `refused a switchover to ${successor}, requested in SQL: ${refusalSentences[refusal]}`;
    log.warn({ event: 'switchover_refused' }, sentence);
  }

  /**
   * Resigns. Must be called in `runExclusive` of the run loop. A fall changes the role from active to fallen directly, so that
   * clients do not see a standby in between.
   */
  async resign(
    { reason, cause, handTo = null, requester = null }: Partial<Resignation> & Pick<Resignation, 'reason' | 'cause'>,
    {
      next = 'standby',
      successorLimitMs = SUCCESSOR_LIMIT_MS,
    }: { next?: 'standby' | 'fallen'; successorLimitMs?: number } = {},
  ): Promise<void> {
    const { ownRole, candidacy, housekeeping, lock, loop, peers, leaseMs, log, drain } = this.#options;
    if (ownRole.current !== 'active') return;
    ownRole.isResigning = true;
    try {
      await drain();
      await lock.release({ reason, cause, handTo, requester });
      ownRole.noteRelease();
      housekeeping.probeSoon();
      loop.wake();
      const [by, to] = [requester ? ` by ${requester.name}` : '', handTo ? `, for ${handTo}` : ''];
      log.info({ event: 'resigned' }, `resigned: ${reason}${by}${to}`);
      if (peers.living.length > 0) {
        candidacy.backOff(Math.min(leaseMs, MAX_BACK_OFF_MS));
        await peers.waitForActive(successorLimitMs);
      }
    } finally {
      ownRole.isResigning = false;
    }
    const alone = peers.living.length === 0 ? 'no node is active: no peer is alive' : 'no node is active yet';
    if (ownRole.current === 'active') ownRole.become(next, peers.active ? `${peers.active.node} is active now` : alone);
  }
}
