import { ClusterIdentity } from '../coordination/cluster-identity.ts';
import type { ClusterSignal } from '../coordination/cluster-signal.ts';
import { LockThread } from '../coordination/lock-thread.ts';
import { NodeRegistry } from '../coordination/node-registry.ts';
import { Peers } from '../coordination/peers.ts';
import { sqlSwitchover } from '../coordination/sql-switchover.ts';
import { SyncManager } from '../coordination/sync-manager.ts';
import type { BlockerWatch } from '../database/blocker-watch.ts';
import type { Log } from '../log.ts';
import type { Settings } from '../settings.ts';
import type { NodeChat } from './chat.ts';
import type { NodeDatabase } from './database.ts';

/** What the duty is put together of. */
export interface DutyParts {
  settings: Settings;
  node: string;
  version: string;
  /** Where peers and clients reach this node. */
  url(): string;
  log: Log;
  database: NodeDatabase;
  chat: Pick<NodeChat, 'eventLog' | 'waiters' | 'writer' | 'sequences'>;
  blockers: BlockerWatch;
  /** True while this node could serve. */
  isReady(): boolean;
}

/** Who is on duty, as this node has it; {@link buildDuty}. */
export type NodeDuty = ReturnType<typeof buildDuty>;

/** The leader lock, the peers, and the SyncManager that makes a role of them. */
export function buildDuty({ settings, node, version, url, log, database, chat, blockers, isReady }: DutyParts) {
  const { leaseMs, isActive, isPrimary } = settings;
  const { eventLog, waiters, writer, sequences } = chat;
  const startedAt = new Date();
  const lock: LockThread = new LockThread({
    session: database.lockSession(),
    leaseMs,
    node,
    url,
    log,
    onLost: (reason) => sync.lockLost(reason),
  });
  const identity = new ClusterIdentity(database.asking, () => eventLog.epoch);
  const peers = new Peers({
    node,
    urls: settings.peerUrls,
    identity,
    onOtherEpoch: () => void eventLog.catchUp(),
    onStranger(peer, cluster) {
      const what =
        cluster === identity.cluster
          ? "a copy of this cluster's database"
          : `another cluster (${cluster ?? 'it names none'})`;
      log.warn({ event: 'stranger', url: peer }, `${peer} serves ${what}: it is no peer of this node. Check PEER_URL`);
    },
    onSilence: (peer) => sync.sign(`${peer} went silent`),
  });
  const registry = new NodeRegistry(database.sequelize, log);
  const sync: SyncManager = new SyncManager({
    node,
    leaseMs,
    isActive,
    isPrimary,
    lock,
    writing: database.writing,
    watching: database.catchingUp,
    explain: blockers.explain,
    peers,
    log,
    async beat(role) {
      const row = { node, url: url(), pid: process.pid, version, role, isPrimary, term: sync.leader?.term ?? null };
      const seen = await registry.beat({ ...row, position: eventLog.head, waiters: waiters.size, startedAt });
      if (seen.cluster !== null) identity.cluster = seen.cluster;
      peers.learn(seen.peers);
      if (seen.isAsked) void handOverAsAsked();
    },
    requestDuty: () => registry.requestDuty(node),
    isCaughtUp: isReady,
    drain: () => writer.drain(500),
    onRole(role) {
      if (role === 'active') {
        void eventLog.refresh();
        void sequences.heal();
      }
      waiters.tellAll('role', eventLog.cursorAt(eventLog.head));
    },
  });
  const handOverAsAsked = sqlSwitchover({ sync, registry, log });
  const hear = (signal: ClusterSignal) => (signal.kind === 'switchover' ? void handOverAsAsked() : sync.hear(signal));
  return { identity, lock, peers, sync, hear };
}
