import type { LockThread } from '../../coordination/lock/lock-thread.ts';
import { PauseState } from '../../coordination/pause.ts';
import { ClusterIdentity } from '../../coordination/peers/cluster-identity.ts';
import { NodeRegistry } from '../../coordination/peers/node-registry.ts';
import { Peers } from '../../coordination/peers/peers.ts';
import { SameServerCheck } from '../../coordination/same-server-check.ts';
import { SyncManager } from '../../coordination/sync-manager.ts';
import type { BlockerWatch } from '../../database/checks/blocker-watch.ts';
import type { Listener } from '../../database/listener.ts';
import type { Log } from '../../log/log.ts';
import type { LogLevel } from '../../log/log-level.ts';
import type { Measurements } from '../../measurements/measurements.ts';
import type { Settings } from '../../settings.ts';
import { ClusterView } from '../cluster-view.ts';
import type { Conditions } from '../conditions.ts';
import { RecentActivity } from '../recent-activity.ts';
import type { NodeChat } from './chat.ts';
import type { NodeDatabase } from './database.ts';
import type { NodeEvents } from './node-events.ts';
import { nodeRowWriter } from './node-row.ts';

/** Options of {@link buildCoordination}. */
export interface CoordinationOptions {
  settings: Settings;
  node: string;
  version: string;
  /** Returns the address at which peers and clients reach this node. */
  url(): string;
  log: Log;
  logLevel: LogLevel;
  database: NodeDatabase;
  lock: LockThread;
  chat: Pick<NodeChat, 'eventLog' | 'waiters' | 'writer' | 'sequences'>;
  blockers: BlockerWatch;
  conditions: Conditions;
  listener: Listener;
  measurements: Measurements;
  events: NodeEvents;
}

/** The result of {@link buildCoordination}. */
export type NodeCoordination = ReturnType<typeof buildCoordination>;

/** Describes two active nodes of one cluster id; returns null if there are no two. */
export function describeSecondActive({ identity, peers, sync }: NodeCoordination): string | null {
  const [here, there] = [sync.leader, peers.secondActive];
  if (here === null || there === null) return null;
  return `two nodes are active with the cluster id ${identity.cluster}: ${here.node} on this database, and ${there.node} (${there.url}) on another. If PostgreSQL has two primaries, stop one of them; if one database is a copy, UPDATE plantao.cluster SET id = gen_random_uuid() in it and restart its nodes`;
}

/** Builds the peers and the SyncManager, which turns the leader lock into this node's role. */
export function buildCoordination(options: CoordinationOptions) {
  const { settings, node, url, log, database, lock, chat, blockers, listener, measurements, events } = options;
  const { leaseMs, isActive, isPreferred } = settings;
  const { eventLog, writer } = chat;
  const activity = new RecentActivity();
  const identity = new ClusterIdentity(database.tokenSession, () => eventLog.known.epoch);
  const pause = new PauseState();
  const registry = new NodeRegistry(database.sequelize, log);
  const peers = new Peers({
    node,
    urls: settings.peerUrls,
    identity,
    onOtherEpoch: () => void eventLog.hint(),
    onActiveSilent: (peer) => void events.emit('activeSilent', peer),
    onForeignNode: (peer, cluster) => logForeignNode(log, peer, cluster, identity),
  });
  const writeRow = nodeRowWriter({ ...options, registry, activity, identity, peers, pause });
  const sync = new SyncManager({
    node,
    leaseMs,
    isActive,
    isPreferred,
    lock,
    writerSession: database.writerSession,
    catchUpSession: database.catchUpSession,
    toBlockedError: blockers.toBlockedOrSlow,
    peers,
    pause,
    log,
    writeRow,
    requestSwitchover: () => registry.requestSwitchover(node),
    takeSwitchoverRequest: (term) => registry.takeRequest(term),
    reportLostLock: (term, cause) => registry.reportLostLock(node, term, cause),
    // It receives events, so it could serve all reads if it became active.
    isCaughtUp: () => eventLog.isReading && listener.isListening,
    drain: () => writer.drain(500),
    onPromoted: (reason) => measurements.countPromotion(reason),
    onRole: (role) => void events.emit('roleChanged', role),
  });
  const sameServer = buildSameServerCheck(options, (reason) => sync.giveUp(reason));
  const cluster = new ClusterView({ node, url, identity, sync, peers, pause });

  connectEvents(options, sync, sameServer);
  return { identity, peers, sync, cluster, activity, pause, sameServer };
}

/** Builds the check that the lock, the sessions and the pool are all connected to one server, and renews those that are not. */
function buildSameServerCheck(
  { lock, database, listener, log }: CoordinationOptions,
  giveUp: (reason: string) => Promise<void>,
) {
  return new SameServerCheck({
    lock,
    sessions: database.sessions,
    poolInstance: database.poolInstance,
    renewPool: database.renewPool,
    reconnect() {
      database.reconnect();
      listener.replace('the sessions of this node were connected to different servers');
    },
    giveUp,
    log,
  });
}

/** Warns that a configured peer belongs to another cluster, or to a copy of this one. */
function logForeignNode(log: Log, peer: string, cluster: string | null, own: ClusterIdentity): void {
  const what =
    cluster === own.cluster ? "a copy of this cluster's database" : `another cluster (${cluster ?? 'without an id'})`;
  log.warn(
    { event: 'foreign_node', url: peer },
    `${peer} serves ${what} and is not a peer of this node: check PEER_URL`,
  );
}

/** Passes the events of other parts to the SyncManager, and the node's role to the parts that depend on it. */
function connectEvents({ events, chat }: CoordinationOptions, sync: SyncManager, sameServer: SameServerCheck): void {
  const { eventLog, waiters, sequences } = chat;
  events.on('sessionOpened', () => sameServer.checkSoon());
  events.on('termRefused', (token) => sameServer.termRefused(token));
  events.on('serverFound', () => sync.handleServerFound());
  events.on('lockLost', (reason, cause) => sync.handleLockLost(reason, cause));
  events.on('activeSilent', (peer) => sync.suspectVacancy(`${peer} went silent`));
  events.on('clusterSignal', (signal) => {
    if (signal.kind === 'promoted') void eventLog.renewEpoch();
    sync.handleSignal(signal);
  });
  events.on('roleChanged', (role) => {
    if (role === 'active') {
      void eventLog.renewEpoch();
      sequences.repairSoon();
      sameServer.checkSoon();
    } else sequences.cancel();
    waiters.wakeAll('role', eventLog.known.endCursor);
  });
}
