import type { QueryConfig } from 'pg';
import { REHEARSAL } from '../chat/message-writer.ts';
import { applicationName, connectionOptions, type SessionPart } from '../database/connection.ts';
import type { ConnectionOptions } from '../database/pinned-connection.ts';
import { closeSequelize, openSequelize } from '../database/sequelize.ts';
import type { SessionSettings } from '../database/session-settings.ts';
import { StandingSession } from '../database/standing-session.ts';
import type { Settings } from '../settings.ts';

/** The server gives a statement up this much before its client does: then it is known what became of it. */
const SERVER_FIRST_MS = 100;

/**
 * All that these sessions ask is found by key: one plan each, made once (to plan takes longer than to read what woke a
 * node), and without scans, so that a plan from when the tables were small stays good.
 */
const BY_KEY = { enable_seqscan: 'off', plan_cache_mode: 'force_generic_plan' };

/**
 * A commit that takes longer is given up: clients wait no longer for it than this, whatever the lease is, and one that is
 * under way on a half-open connection holds up all posts.
 */
const LONGEST_COMMIT_MS = 3000;

/**
 * What these sessions write is not acknowledged to any client: terms, epochs. It does not wait for a synchronous standby, so
 * one that is away keeps no node from being promoted or from reading.
 */
const UNACKNOWLEDGED = { synchronous_commit: 'local' };

/** A node's ways to its database; {@link openDatabase}. */
export type NodeDatabase = ReturnType<typeof openDatabase>;

/** The node's connections, each opened when it is first needed. A limit is that of the client; the server's is shorter. */
export function openDatabase(settings: Settings, node: string) {
  const { databaseUrl, databaseDirectUrl, poolSize, leaseMs } = settings;
  const session = (part: SessionPart, limitMs: number, own: SessionSettings): Parameters<typeof connectionOptions> => [
    databaseDirectUrl,
    applicationName(node, part),
    limitMs - SERVER_FIRST_MS,
    own,
  ];
  const standing = (part: SessionPart, limitMs: number, own: SessionSettings, rehearsal?: QueryConfig) =>
    new StandingSession(connectionOptions(...session(part, limitMs, { ...BY_KEY, ...own })), rehearsal);

  const commitLimitMs = Math.min(LONGEST_COMMIT_MS, Math.max(1000, leaseMs));
  const sequelize = openSequelize(databaseUrl, applicationName(node, 'pool'), poolSize, {
    throughPooler: databaseUrl !== databaseDirectUrl,
  });
  const reading = standing('log', 2500, UNACKNOWLEDGED);
  const catchingUp = standing('backlog', 5000, UNACKNOWLEDGED);
  // Before the statement's own limit: then it is known that a lock was in the way, and not the disk.
  const writing = standing('writer', commitLimitMs, { lock_timeout: Math.floor(commitLimitMs * 0.7) }, REHEARSAL);
  const asking = standing('tokens', 2000, UNACKNOWLEDGED);

  return {
    /** For everything that is neither often nor urgent; the only one that goes through a pooler, where there is one. */
    sequelize,
    /** For the event log and the rosters. */
    reading,
    /** For polls that come back from far behind. */
    catchingUp,
    /** For posts. */
    writing,
    /** For tokens and their revocations. */
    asking,
    commitLimitMs,
    /** For the thread that keeps the leader lock, which makes options of it. */
    lockSession: () => session('lock', Math.max(1000, leaseMs), { ...UNACKNOWLEDGED, idle_session_timeout: leaseMs }),
    listenOptions: (): ConnectionOptions => ({
      ...connectionOptions(...session('listen', 5000, UNACKNOWLEDGED)),
      query_timeout: 5000,
    }),
    async stop(): Promise<void> {
      const sessions = [reading, catchingUp, writing, asking];
      await Promise.all([...sessions.map((session) => session.stop()), closeSequelize(sequelize)]);
    },
  };
}
