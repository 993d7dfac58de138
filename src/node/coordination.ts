import type { LockThread } from '../coordination/lock/lock-thread.ts';
import { ClusterIdentity } from '../coordination/peers/cluster-identity.ts';
import type { ClusterSignal } from '../coordination/peers/cluster-signal.ts';
import { NodeRegistry } from '../coordination/peers/node-registry.ts';
import { Peers } from '../coordination/peers/peers.ts';
import { sqlSwitchover } from '../coordination/sql-switchover.ts';
import { SyncManager } from '../coordination/sync-manager.ts';
import type { BlockerWatch } from '../database/checks/blocker-watch.ts';
import type { Log } from '../log.ts';
import type { Measurements } from '../measurements.ts';
import type { Settings } from '../settings.ts';
import type { NodeChat } from './chat.ts';
import type { NodeDatabase } from './database.ts';

/** Options of {@link buildCoordination}. */
export interface CoordinationOptions {
  settings: Settings;
  node: string;
  version: string;
  /** Returns the address at which peers and clients reach this node. */
  url(): string;
  log: Log;
  database: NodeDatabase;
  lock: LockThread;
  chat: Pick<NodeChat, 'eventLog' | 'waiters' | 'writer' | 'sequences'>;
  blockers: BlockerWatch;
  /** Returns true while this node receives events, so that it could serve all reads if it became active. */
  isCaughtUp(): boolean;
  measurements: Measurements;
}

/** The result of {@link buildCoordination}. */
export type NodeCoordination = ReturnType<typeof buildCoordination>;

/** Builds the peers and the SyncManager, which turns the leader lock into this node's role. */
export function buildCoordination(options: CoordinationOptions) {
  const { settings, node, version, url, log, database, lock, chat, blockers, isCaughtUp, measurements } = options;
  const { leaseMs, isActive, isPreferred } = settings;
  const { eventLog, waiters, writer, sequences } = chat;
  const startedAt = new Date();
  const identity = new ClusterIdentity(database.asking, () => eventLog.known.epoch);
  const registry = new NodeRegistry(database.sequelize, log);
  const peers = new Peers({
    node,
    urls: settings.peerUrls,
    identity,
    onOtherEpoch: () => void eventLog.hint(),
    onStranger(peer, cluster) {
      const what =
        cluster === identity.cluster
          ? "a copy of this cluster's database"
          : `another cluster (${cluster ?? 'it names none'})`;
      log.warn({ event: 'stranger', url: peer }, `${peer} serves ${what} and is no peer of this node: check PEER_URL`);
    },
    onSilence: (peer) => sync.suspectVacancy(`${peer} went silent`),
  });
  // The peers and the SyncManager call each other; neither does so before `sync.start()`.
  const sync: SyncManager = new SyncManager({
    node,
    leaseMs,
    isActive,
    isPreferred,
    lock,
    writing: database.writing,
    watching: database.catchingUp,
    explain: blockers.explain,
    peers,
    log,
    async beat(role) {
      const row = { node, url: url(), pid: process.pid, version, role, isPreferred, term: sync.leader?.term ?? null };
      const seen = await registry.beat({ ...row, position: eventLog.known.head, waiters: waiters.size, startedAt });
      if (seen.cluster !== null) identity.cluster = seen.cluster;
      peers.learn(seen.peers);
      if (seen.isAsked) void handOverAsAsked();
    },
    requestDuty: () => registry.requestDuty(node),
    isCaughtUp,
    drain: () => writer.drain(500),
    onPromoted: (reason) => measurements.countPromotion(reason),
    onRole(role) {
      if (role === 'active') {
        void eventLog.renewEpoch();
        void sequences.heal();
      }
      waiters.wakeAll('role', eventLog.known.cursorAt(eventLog.known.head));
    },
  });
  const handOverAsAsked = sqlSwitchover({ sync, registry, log });
  const hear = (signal: ClusterSignal) =>
    signal.kind === 'switchover' ? void handOverAsAsked() : sync.handleSignal(signal);
  return { identity, peers, sync, hear };
}
