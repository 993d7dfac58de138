import type { Candidacy } from './candidacy.ts';
import { headStartMs } from './election-timing.ts';
import type { Handover } from './handover.ts';
import type { Housekeeping } from './housekeeping.ts';
import type { ClusterSignal } from './peers/cluster-signal.ts';
import type { OwnRole } from './role/own-role.ts';
import type { RunLoop } from './run-loop.ts';
import type { SyncManagerOptions } from './sync-manager-options.ts';

/** Options of {@link SignalHandling}. */
export interface SignalHandlingOptions extends Pick<SyncManagerOptions, 'node' | 'leaseMs' | 'peers' | 'lock'> {
  ownRole: OwnRole;
  candidacy: Candidacy;
  handover: Handover;
  housekeeping: Housekeeping;
  loop: RunLoop;
  /** True while some node is active, as far as this node knows. */
  isLed(): boolean;
  /** Records that the lock may be free: a standby tries to take it now. */
  suspectVacancy(reason: string): void;
}

/**
 * Acts on what other nodes announce on the channel `plantao_cluster`. Any role that may connect can send a notification, so no
 * notification decides anything: it only makes this node try, wait or check its own lock sooner.
 */
export class SignalHandling {
  readonly #options: SignalHandlingOptions;

  constructor(options: SignalHandlingOptions) {
    this.#options = options;
  }

  handle(signal: ClusterSignal): void {
    if (signal.kind === 'switchover') void this.#options.handover.switchoverAsRequested();
    else if (signal.kind === 'pause') this.#pause();
    else if (signal.kind === 'promoted') this.#promotion(signal);
    else this.#resignation(signal.term, signal.to);
  }

  /** Handles the start or end of a pause, which this node reads when it next writes its row. After the end, a standby tries at once. */
  #pause(): void {
    const { housekeeping, loop, isLed, suspectVacancy } = this.#options;
    housekeeping.writeRowSoon();
    if (!isLed()) suspectVacancy('failover is possible again');
    loop.wake();
  }

  /** Handles the promotion of another node: an active node checks its own lock at once. */
  #promotion(leader: { node: string; url: string; term: number }): void {
    const { node, peers, lock, candidacy, ownRole } = this.#options;
    if (leader.node === node) return;
    const isAccepted = peers.observePromotion(leader);
    // Not left to the next tick, because an older observation of that node may hide this one, and the node may be dead by then.
    if (isAccepted) candidacy.activeSeen();
    if (ownRole.current === 'active') void lock.renew();
  }

  #resignation(term: number, to: string | null): void {
    const { node, peers, leaseMs, candidacy, ownRole, suspectVacancy } = this.#options;
    const { active } = peers;
    const isAccepted = peers.observeResignation(term);
    if (ownRole.current !== 'standby' || !isAccepted) return;
    // Only once for each term: forged resignations must not make it back off forever.
    if (to === null || (to !== node && active?.term !== term)) suspectVacancy('the active node resigned');
    else if (to !== node) candidacy.backOff(headStartMs(leaseMs));
    else {
      candidacy.endBackOff();
      suspectVacancy('it was named as successor');
    }
  }
}
