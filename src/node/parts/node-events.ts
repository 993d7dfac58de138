import { EventEmitter } from 'node:events';
import type { EndCause } from '../../coordination/end-cause.ts';
import type { ClusterSignal } from '../../coordination/peers/cluster-signal.ts';
import type { NodeRole } from '../../coordination/role/role.ts';
import type { ChangedSetting } from '../../database/session/settings/setting-changes.ts';

/**
 * The events by which a part of a node reports to parts that are built after it. So each part is given only what exists already, and the
 * wiring reads from top to bottom. Listeners run at once, in the order in which they were added.
 */
export class NodeEvents extends EventEmitter<{
  /** One of the node's sessions was opened. */
  sessionOpened: [];
  /** A statement has changed a setting of one of the node's sessions. */
  settingChanged: [changed: ChangedSetting];
  /** PostgreSQL accepts writes again, after a restart or a failover. */
  serverFound: [];
  /** The lock session was lost while it held the leader lock. */
  lockLost: [reason: string, cause: EndCause];
  /** PostgreSQL refused a write because the term of this fencing token is closed. */
  termRefused: [token: number];
  /** The event log advanced and no notification arrived. */
  notificationMissed: [];
  /** A cluster notification arrived. */
  clusterSignal: [signal: ClusterSignal];
  /** The peer that was active went silent. */
  activeSilent: [node: string];
  /** The role of this node changed. After a resignation: once the successor is known, or the wait for it has ended. */
  roleChanged: [role: NodeRole];
}> {}
