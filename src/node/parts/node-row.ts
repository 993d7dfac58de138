import { monotonic } from '../../async/clock.ts';
import type { PauseState } from '../../coordination/pause.ts';
import type { ClusterIdentity } from '../../coordination/peers/cluster-identity.ts';
import type { NodeRegistry } from '../../coordination/peers/node-registry.ts';
import type { Peers } from '../../coordination/peers/peers.ts';
import type { SyncManagerOptions } from '../../coordination/sync-manager-options.ts';
import type { BlockerWatch } from '../../database/checks/blocker-watch.ts';
import type { Log } from '../../log/log.ts';
import type { LogLevel } from '../../log/log-level.ts';
import type { Measurements } from '../../measurements/measurements.ts';
import { publicSettings } from '../../settings/public-settings.ts';
import type { Settings } from '../../settings.ts';
import { checkClock } from '../clock-check.ts';
import type { Conditions } from '../conditions.ts';
import { PublishedSettings } from '../published-settings.ts';
import { publishedConditions } from '../readiness.ts';
import type { RecentActivity } from '../recent-activity.ts';
import type { NodeChat } from './chat.ts';
import type { NodeDatabase } from './database.ts';

/** Options of {@link nodeRowWriter}. */
interface NodeRowOptions {
  settings: Settings;
  node: string;
  version: string;
  url(): string;
  log: Log;
  logLevel: LogLevel;
  database: Pick<NodeDatabase, 'sequelize'>;
  chat: Pick<NodeChat, 'eventLog' | 'waiters' | 'writer'>;
  blockers: BlockerWatch;
  conditions: Conditions;
  measurements: Measurements;
  registry: NodeRegistry;
  activity: RecentActivity;
  identity: ClusterIdentity;
  peers: Peers;
  pause: PauseState;
}

/** The age of a peer's row, in milliseconds, beyond which its figures are out of date: the peer is silent or late. */
const CURRENT_MS = 2000;

/** Returns the function that writes this node's row in plantao.nodes, and passes the other rows and the state of the cluster to the parts that need them. */
export function nodeRowWriter(options: NodeRowOptions): SyncManagerOptions['writeRow'] {
  const { settings, node, version, url, chat, blockers, conditions, measurements } = options;
  const { registry, activity, identity, peers, pause } = options;
  const { eventLog, waiters, writer } = chat;
  const { isPreferred } = settings;
  const startedAt = new Date();
  const published = publishedSettings(options);
  return async (role, term) => {
    const row = { node, cluster: identity.cluster, url: url(), pid: process.pid, version, role, isPreferred, term };
    const load = { waiters: waiters.size, queuedPosts: writer.queued, ...measurements.load.take() };
    activity.record({ node, ...load });
    const sentAt = monotonic();
    const own = { position: eventLog.known.head, conditions: publishedConditions(conditions), startedAt };
    const written = registry.write({ ...row, ...load, ...own });
    // Logs which session blocks it.
    written.catch(blockers.toBlockedOrSlow);
    const state = await written;
    void published.writeIfChanged();
    checkClock(conditions, state.clockAheadMs);
    if (state.cluster !== null) identity.cluster = state.cluster;
    for (const peer of state.peers) if (peer.heartbeat_age_ms <= CURRENT_MS) activity.record(peer);
    peers.observeRows(state.peers, sentAt);
    pause.observe(state.pause);
    return state.isSwitchoverRequested;
  };
}

function publishedSettings({ settings, node, url, log, logLevel, database, chat }: NodeRowOptions): PublishedSettings {
  return new PublishedSettings({
    sequelize: database.sequelize,
    node,
    read: () => publicSettings({ ...settings, nodeName: node, nodeUrl: url(), logLevel: logLevel.current }),
    epoch: () => chat.eventLog.known.epoch,
    onError: (sentence) => log.debug({ event: 'settings_not_shown' }, sentence),
  });
}
