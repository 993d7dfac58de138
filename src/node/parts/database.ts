import { WARM_UP_POST } from '../../chat/posting/writer-health.ts';
import { query } from '../../database/query.ts';
import { closeSequelize, openSequelize, renewPool } from '../../database/sequelize.ts';
import { type InstanceRow, READ_INSTANCE } from '../../database/servers/instance.ts';
import { applicationName, connectionOptions, type KeptSession } from '../../database/session/connection.ts';
import type { ConnectionOptions } from '../../database/session/pinned-connection.ts';
import { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import type { SessionSettings } from '../../database/session/session-settings.ts';
import type { ChangedSetting } from '../../database/session/setting-changes.ts';
import { WARM_UP_READING } from '../../events/reading/log-page.ts';
import type { Settings } from '../../settings.ts';
import type { NodeEvents } from './node-events.ts';

/** The server's timeout ends this much before the client's, so that the client learns the outcome. */
const SERVER_FIRST_MS = 100;

/**
 * These sessions look rows up by key. Each statement is planned once, because planning takes longer than reading the event
 * that woke a node. Sequential scans are off, so that a plan from when the tables were small stays good.
 */
const BY_KEY = { enable_seqscan: 'off', plan_cache_mode: 'force_generic_plan' };

/**
 * The longest time that a client waits for a commit, independent of the lease. A commit on a half-open connection delays all
 * posts for this long.
 */
const MAX_COMMIT_MS = 3000;

/**
 * These sessions write terms and epochs, which are not acknowledged to any client. They do not wait for a synchronous
 * standby, so that nodes can be promoted and can read while it is away.
 */
const UNACKNOWLEDGED = { synchronous_commit: 'local' };

/** The result of {@link openDatabase}. */
export type NodeDatabase = ReturnType<typeof openDatabase>;

/** Creates the node's sessions, each opened on first use. The limits are the client's; the server's timeouts are shorter. */
export function openDatabase(settings: Settings, node: string, events: NodeEvents) {
  const { databaseUrl, databaseDirectUrl, poolSize, leaseMs } = settings;
  const session = (part: KeptSession, limitMs: number, own: SessionSettings): Parameters<typeof connectionOptions> => [
    databaseDirectUrl,
    applicationName(node, part),
    limitMs - SERVER_FIRST_MS,
    own,
  ];
  const onChangedSetting = (changed: ChangedSetting) => void events.emit('settingChanged', changed);
  const reconnecting = (
    part: KeptSession,
    limitMs: number,
    own: SessionSettings,
    how: ConstructorParameters<typeof ReconnectingSession>[1] = {},
  ) => {
    const options = { ...connectionOptions(...session(part, limitMs, { ...BY_KEY, ...own })), onChangedSetting };
    return new ReconnectingSession(options, { ...how, onOpened: () => events.emit('sessionOpened') });
  };

  const commitLimitMs = Math.min(MAX_COMMIT_MS, Math.max(1000, leaseMs));
  const sequelize = openSequelize(databaseUrl, applicationName(node, 'pool'), poolSize, {
    throughPooler: databaseUrl !== databaseDirectUrl,
    onChangedSetting,
  });
  const logSession = reconnecting('log', 2500, UNACKNOWLEDGED, { isUrgent: true, spareWarmUp: WARM_UP_READING });
  // A bitmap has no limit: PostgreSQL would intersect the events of a user with those of everyone's memberships.
  const catchUpSession = reconnecting('catchup', 5000, { ...UNACKNOWLEDGED, enable_bitmapscan: 'off' });
  // Shorter than the statement timeout, so that the error shows whether a lock or a slow disk was the cause.
  const writerSession = reconnecting(
    'writer',
    commitLimitMs,
    { lock_timeout: Math.floor(commitLimitMs * 0.7) },
    { warmUp: WARM_UP_POST, spareWarmUp: WARM_UP_POST, isUrgent: true },
  );
  // Shorter than the statement timeout, as above.
  const tokenSession = reconnecting('tokens', 2000, { ...UNACKNOWLEDGED, lock_timeout: 1000 });
  // A NOTIFY waits for the commits of others: these never wait long, and nothing waits for them.
  const signalSession = reconnecting('signals', 1000, { ...UNACKNOWLEDGED, lock_timeout: 500 });

  const sessions = [logSession, catchUpSession, writerSession, tokenSession, signalSession];
  const { servers } = connectionOptions(...session('writer', commitLimitMs, {}));
  const ignoreServers = servers.onFound(() => events.emit('serverFound'));

  return {
    /** The pool, for reads and writes that are neither frequent nor urgent. Only the pool may go through a pooler. */
    sequelize,
    /** For the event log and the membership cache. */
    logSession,
    /** For polls whose cursor is far behind. */
    catchUpSession,
    /** For posts. */
    writerSession,
    /** For lookups by key: tokens, their revocations, and the id of the cluster. */
    tokenSession,
    /** For signals of typing and presence; not opened with PRESENCE=off. */
    signalSession,
    commitLimitMs,
    /** Arguments of `connectionOptions` for the thread that keeps the leader lock; the options themselves cannot be sent to it. */
    lockSession: () => {
      const limitMs = Math.max(1000, leaseMs);
      // A little shorter than the statement timeout and the lease, which would end the term too: the error of a heartbeat that waits
      // for a lock shows the cause.
      const lockMs = Math.min(leaseMs, limitMs - SERVER_FIRST_MS) - 50;
      return session('lock', limitMs, { ...UNACKNOWLEDGED, idle_session_timeout: leaseMs, lock_timeout: lockMs });
    },
    listenOptions: (): ConnectionOptions => ({
      ...connectionOptions(...session('listen', 5000, UNACKNOWLEDGED)),
      query_timeout: 5000,
    }),
    /** All of the sessions above. */
    sessions,
    /** Returns which server a connection of the pool is connected to ({@link READ_INSTANCE}). */
    async poolInstance(): Promise<string | null> {
      const rows = await query<InstanceRow>(sequelize, READ_INSTANCE.text);
      return rows[0]?.instance ?? null;
    },
    renewPool: () => renewPool(sequelize),
    /** Reopens the sessions above and the connections of the pool. */
    reconnect(): void {
      for (const session of sessions) session.reconnect();
      renewPool(sequelize);
    },
    async stop(): Promise<void> {
      ignoreServers();
      await Promise.all([...sessions.map((session) => session.stop()), closeSequelize(sequelize)]);
    },
  };
}
