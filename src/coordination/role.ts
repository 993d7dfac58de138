/** The role of a node; see the head of sync-manager.ts. */
export type Role = 'active' | 'standby' | 'fallen';

/** Why a switchover was refused; `no_successor`: it was started, and no standby took over. */
export type Refusal = 'not_active' | 'unknown_node' | 'no_standby' | 'already_active' | 'no_successor' | 'paused';
