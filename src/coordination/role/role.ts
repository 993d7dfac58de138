/** The role of a node; see the head of sync-manager.ts. */
export type NodeRole = 'active' | 'standby' | 'fallen';

/** Why a switchover was refused, or, with `no_successor` and `other_successor`, how it failed after it had started. */
export type SwitchoverRefusal =
  | 'not_active'
  | 'unknown_node'
  | 'no_standby'
  | 'already_active'
  | 'paused'
  | 'no_successor'
  | 'other_successor';

/** The refusals as sentences, for clients and for the log. */
export const refusalSentences: Record<SwitchoverRefusal, string> = {
  not_active: 'this node is not active, so it has nothing to hand over',
  unknown_node: 'there is no node of that name: GET /cluster lists them',
  no_standby: 'the named standby is not running, or none is: start one, or bring one back into service (revive)',
  already_active: 'that node is already active',
  paused: 'failover is paused: /health says until when, and plantao resume ends the pause',
  no_successor: 'no standby became active, so this node becomes active again',
  other_successor: 'another standby became active instead of the named one: see the log of the named one',
};
