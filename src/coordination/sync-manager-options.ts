import type { Log } from '../log/log.ts';
import type { CandidacyOptions } from './candidacy.ts';
import type { Requester } from './end-cause.ts';
import type { HousekeepingOptions } from './housekeeping.ts';
import type { LeaderLocking } from './lock/leader-lock.ts';
import type { LossReportOptions } from './loss-report.ts';
import type { SwitchoverRequest } from './peers/node-registry.ts';
import type { NodeRole } from './role/role.ts';

/** Options of a SyncManager, including those of its housekeeping and its candidacy. */
export interface SyncManagerOptions
  extends Omit<
    HousekeepingOptions & CandidacyOptions & LossReportOptions,
    'changes' | 'lastActiveAt' | 'onSwitchoverRequested'
  > {
  node: string;
  isActive: boolean;
  log: Log;
  lock: LeaderLocking;
  /** Removes and returns the newest request of plantao.switchover() to the active node of `term`. */
  takeSwitchoverRequest(term: number): Promise<SwitchoverRequest | null>;
  /** Finishes the accepted writes; called once new ones are refused. Has its own deadline. */
  drain(): Promise<void>;
  /** Called after each change of role; after a resignation, once the successor is known or the wait for it has ended. */
  onRole(role: NodeRole): void;
  /** Called after each promotion with the reason of the attempt. */
  onPromoted?(reason: string): void;
}

/** The reason and the requester of a switchover. */
export interface SwitchoverOrigin {
  reason: string;
  requester: Requester;
}
