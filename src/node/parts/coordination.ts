import { monotonic } from '../../async/clock.ts';
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
import type { Measurements } from '../../measurements.ts';
import { publicSettings } from '../../settings/public-settings.ts';
import type { Settings } from '../../settings.ts';
import { checkClock } from '../clock-check.ts';
import { ClusterView } from '../cluster-view.ts';
import type { Conditions } from '../conditions.ts';
import { PublishedSettings } from '../published-settings.ts';
import { publishedConditions } from '../readiness.ts';
import { RecentActivity } from '../recent-activity.ts';
import type { NodeChat } from './chat.ts';
import type { NodeDatabase } from './database.ts';
import type { NodeEvents } from './node-events.ts';

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

/** An older row, in milliseconds, is of a peer that is silent or late: its figures are out of date. */
const CURRENT_MS = 2000;

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
  const {
    settings,
    node,
    version,
    url,
    log,
    database,
    lock,
    chat,
    blockers,
    conditions,
    listener,
    measurements,
    events,
  } = options;
  const { leaseMs, isActive, isPreferred } = settings;
  const { eventLog, waiters, writer, sequences } = chat;
  const startedAt = new Date();
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
    onForeignNode(peer, cluster) {
      const what =
        cluster === identity.cluster
          ? "a copy of this cluster's database"
          : `another cluster (${cluster ?? 'it names none'})`;
      log.warn(
        { event: 'stranger', url: peer },
        `${peer} serves ${what} and is not a peer of this node: check PEER_URL`,
      );
    },
  });
  const published = new PublishedSettings({
    sequelize: database.sequelize,
    node,
    read: () => publicSettings({ ...settings, nodeName: node, nodeUrl: url(), logLevel: options.logLevel.current }),
    epoch: () => eventLog.known.epoch,
    onError: (sentence) => log.debug({ event: 'settings_not_shown' }, sentence),
  });
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
    async writeRow(role, term) {
      const row = { node, cluster: identity.cluster, url: url(), pid: process.pid, version, role, isPreferred, term };
      const load = { waiters: waiters.size, queuedPosts: writer.queued, ...measurements.load.take() };
      activity.record({ node, ...load });
      const sentAt = monotonic();
      const own = { position: eventLog.known.head, conditions: publishedConditions(conditions), startedAt };
      const written = registry.write({ ...row, ...load, ...own });
      // Names in the log what holds it up.
      written.catch(blockers.toBlockedOrSlow);
      const state = await written;
      void published.writeIfChanged();
      checkClock(conditions, state.clockAheadMs);
      if (state.cluster !== null) identity.cluster = state.cluster;
      for (const peer of state.peers) if (peer.heartbeat_age_ms <= CURRENT_MS) activity.record(peer);
      peers.observeRows(state.peers, sentAt);
      pause.observe(state.pause);
      return state.isSwitchoverRequested;
    },
    requestSwitchover: () => registry.requestSwitchover(node),
    takeSwitchoverRequest: (term) => registry.takeRequest(term),
    reportLostLock: (term, cause) => registry.reportLostLock(node, term, cause),
    // It receives events, so it could serve all reads if it became active.
    isCaughtUp: () => eventLog.isReading && listener.isListening,
    drain: () => writer.drain(500),
    onPromoted: (reason) => measurements.countPromotion(reason),
    onRole: (role) => void events.emit('roleChanged', role),
  });
  const sameServer = new SameServerCheck({
    lock,
    sessions: database.sessions,
    poolInstance: database.poolInstance,
    renewPool: database.renewPool,
    reconnect() {
      database.reconnect();
      listener.replace('the sessions of this node were with different servers');
    },
    giveUp: (reason) => sync.giveUp(reason),
    log,
  });
  const cluster = new ClusterView({ node, url, identity, sync, peers, pause });

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
  return { identity, peers, sync, cluster, activity, pause, sameServer };
}
