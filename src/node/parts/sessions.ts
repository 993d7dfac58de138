import { WARM_UP_POST } from '../../chat/posting/writer-health.ts';
import { applicationName, connectionOptions, type KeptSession } from '../../database/session/connection.ts';
import type { PinnedConnectionOptions } from '../../database/session/pinned-connection.ts';
import { ReconnectingSession } from '../../database/session/reconnecting-session.ts';
import type { SessionSettings } from '../../database/session/settings/session-settings.ts';
import type { ChangedSetting } from '../../database/session/settings/setting-changes.ts';
import { WARM_UP_READING } from '../../events/reading/log-page.ts';
import type { Settings } from '../../settings.ts';
import type { NodeEvents } from './node-events.ts';

/** The server's timeout ends this much before the client's, so that the client learns the outcome. */
const SERVER_FIRST_MS = 100;

/**
 * Settings of sessions that look rows up by key. Each statement is planned once, because planning takes longer than reading the event
 * that woke a node. Sequential scans are off, so that a plan from when the tables were small stays good.
 */
const BY_KEY = { enable_seqscan: 'off', plan_cache_mode: 'force_generic_plan' };

/**
 * Settings of sessions that write terms and epochs, which are not acknowledged to any client. They do not wait for a synchronous
 * standby, so that nodes can be promoted and can read while it is not available.
 */
const UNACKNOWLEDGED = { synchronous_commit: 'local' };

/** The settings and the node name, which all sessions of a node share. */
interface SessionBasis {
  settings: Settings;
  node: string;
}

/** Arguments of `connectionOptions`, which can be sent to another thread, unlike the options. */
type SessionArguments = Parameters<typeof connectionOptions>;

/** Opens the sessions that the node keeps, each on first use. */
export function openSessions(basis: SessionBasis, commitLimitMs: number, events: NodeEvents) {
  const open = (
    part: KeptSession,
    limitMs: number,
    own: SessionSettings,
    how: ConstructorParameters<typeof ReconnectingSession>[1] = {},
  ) => {
    const options = {
      ...connectionOptions(...sessionArguments(basis, part, limitMs, { ...BY_KEY, ...own })),
      onChangedSetting: (changed: ChangedSetting) => void events.emit('settingChanged', changed),
    };
    return new ReconnectingSession(options, { ...how, onOpened: () => events.emit('sessionOpened') });
  };
  return {
    /** For the event log and the membership cache. */
    logSession: open('log', 2500, UNACKNOWLEDGED, { isUrgent: true, spareWarmUp: WARM_UP_READING }),
    /** For polls whose cursor is far behind. */
    // A bitmap scan does not stop at LIMIT: PostgreSQL would intersect the events of a user with those of everyone's memberships.
    catchUpSession: open('catchup', 5000, { ...UNACKNOWLEDGED, enable_bitmapscan: 'off' }),
    /** For posts. */
    writerSession: open(
      'writer',
      commitLimitMs,
      // Shorter than the statement timeout, so that the error shows whether a lock or a slow disk was the cause.
      { lock_timeout: Math.floor(commitLimitMs * 0.7) },
      { warmUp: WARM_UP_POST, spareWarmUp: WARM_UP_POST, isUrgent: true },
    ),
    /** For lookups by key: tokens, their revocations, and the id of the cluster. */
    // Shorter than the statement timeout, as above.
    tokenSession: open('tokens', 2000, { ...UNACKNOWLEDGED, lock_timeout: 1000 }),
    /** For signals of typing and presence; not opened with PRESENCE=off. */
    // A NOTIFY waits for the commits of others: these never wait long, and nothing waits for them.
    signalSession: open('signals', 1000, { ...UNACKNOWLEDGED, lock_timeout: 500 }),
  };
}

/** Returns the arguments for the session that keeps the leader lock, in a thread of its own. */
export function lockSession(basis: SessionBasis): SessionArguments {
  const { leaseMs } = basis.settings;
  const limitMs = Math.max(1000, leaseMs);
  // A little shorter than the statement timeout and the lease, which would end the term too: the error of a heartbeat that waits
  // for a lock shows the cause.
  const lockMs = Math.min(leaseMs, limitMs - SERVER_FIRST_MS) - 50;
  const own = { ...UNACKNOWLEDGED, idle_session_timeout: leaseMs, lock_timeout: lockMs };
  return sessionArguments(basis, 'lock', limitMs, own);
}

/** Returns the options of the session that listens. */
export function listenOptions(basis: SessionBasis): PinnedConnectionOptions {
  return { ...connectionOptions(...sessionArguments(basis, 'listen', 5000, UNACKNOWLEDGED)), query_timeout: 5000 };
}

function sessionArguments(
  { settings, node }: SessionBasis,
  part: KeptSession,
  limitMs: number,
  own: SessionSettings,
): SessionArguments {
  return [settings.databaseDirectUrl, applicationName(node, part), limitMs - SERVER_FIRST_MS, own];
}
