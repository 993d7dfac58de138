/** What a node is; see the head of sync-manager.ts. */
export type Role = 'active' | 'standby' | 'fallen';

/** Why a switchover was not begun, or, `no_successor`, that it was and nobody took the duty over. */
export type Refusal = 'not_active' | 'unknown_node' | 'no_standby' | 'already_active' | 'no_successor';
