import type { Sequelize } from 'sequelize';
import { closeSequelize, openSequelize, poolProblem, renewPool } from '../../database/pool/sequelize.ts';
import { query } from '../../database/query.ts';
import { type InstanceRow, READ_INSTANCE } from '../../database/servers/instance.ts';
import { applicationName } from '../../database/session/connection.ts';
import type { Settings } from '../../settings.ts';
import type { NodeEvents } from './node-events.ts';
import { listenOptions, lockSession, openSessions } from './sessions.ts';

/**
 * The longest time that a client waits for a commit, whatever the lease. A commit on a half-open connection delays all
 * posts for this long.
 */
const MAX_COMMIT_MS = 3000;

/** The result of {@link openDatabase}. */
export type NodeDatabase = ReturnType<typeof openDatabase>;

/** Creates the node's pool and sessions, each opened on first use. The time limits here apply in this process; the server's timeouts are shorter. */
export function openDatabase(settings: Settings, node: string, events: NodeEvents) {
  const { databaseUrl, databaseDirectUrl, poolSize, leaseMs } = settings;
  const commitLimitMs = Math.min(MAX_COMMIT_MS, Math.max(1000, leaseMs));
  const sequelize = openSequelize(databaseUrl, applicationName(node, 'pool'), poolSize, {
    throughPooler: databaseUrl !== databaseDirectUrl,
    onChangedSetting: (changed) => void events.emit('settingChanged', changed),
  });
  const basis = { settings, node };
  const kept = openSessions(basis, commitLimitMs, events);
  const sessions = Object.values(kept);
  const removeListener = listenOptions(basis).servers.onFound(() => events.emit('serverFound'));

  return {
    /** The pool, for reads and writes that are neither frequent nor urgent. Only the pool may go through a pooler. */
    sequelize,
    ...kept,
    commitLimitMs,
    lockSession: () => lockSession(basis),
    listenOptions: () => listenOptions(basis),
    /** The sessions outside the pool, which stay open. */
    sessions,
    /** Returns the server instance that the pool is connected to ({@link READ_INSTANCE}). */
    async poolInstance(): Promise<string | null> {
      const rows = await query<InstanceRow>(sequelize, READ_INSTANCE.text);
      return rows[0]?.instance ?? null;
    },
    renewPool: () => renewPool(sequelize),
    pool: poolCheck(sequelize),
    /** Reopens the sessions and the connections of the pool. */
    reconnect(): void {
      for (const session of sessions) session.reconnect();
      renewPool(sequelize);
    },
    async stop(): Promise<void> {
      removeListener();
      await Promise.all([...sessions.map((session) => session.stop()), closeSequelize(sequelize)]);
    },
  };
}

/** Returns the check whether requests can use the pool. While they cannot, a probe finds out when they can again. */
function poolCheck(sequelize: Sequelize) {
  let isProbing = false;
  return {
    get problem() {
      return poolProblem(sequelize);
    },
    probe(): void {
      if (isProbing || poolProblem(sequelize) === null) return;
      isProbing = true;
      void query(sequelize, 'SELECT')
        .catch(() => {})
        .finally(() => {
          isProbing = false;
        });
    },
  };
}
