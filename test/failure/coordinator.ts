import { EventEmitter } from 'node:events';
import type pg from 'pg';
import pino from 'pino';
import type { Clock } from '../../src/coordination/clock.ts';
import { LeaderLock } from '../../src/coordination/lock/leader-lock.ts';
import { LockKeeper } from '../../src/coordination/lock/lock-keeper.ts';
import { readSignal } from '../../src/coordination/peers/cluster-signal.ts';
import { Peers } from '../../src/coordination/peers/peers.ts';
import { SyncManager } from '../../src/coordination/sync-manager.ts';
import { Listener } from '../../src/database/listener.ts';
import { applicationName, connectionOptions } from '../../src/database/session/connection.ts';
import { ReconnectingSession } from '../../src/database/session/reconnecting-session.ts';
import { Session } from '../../src/database/session/session.ts';
import { TEST_IDENTITY } from '../support/fake-peer.ts';
import type { LogEntry } from '../support/node-process.ts';

export interface LockOptions {
  databaseUrl: string;
  node: string;
  leaseMs: number;
  clock?: Clock;
  /** Settings of the lock session besides the lease; `idle_session_timeout: 0` removes the lease. */
  settings?: Record<string, string | number>;
}

/** A leader lock whose session a test can use. */
export interface LocalLock {
  lock: LeaderLock;
  /** Runs SQL on the lock session itself, between two heartbeats. */
  onSession<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  /** The reason of each loss. */
  lost: string[];
  entries: LogEntry[];
}

/** Creates a leader lock like that of a node. */
export function localLock(options: LockOptions, onLost: (reason: string) => void = () => undefined): LocalLock {
  const { databaseUrl, node, leaseMs, clock, settings = {} } = options;
  const lost: string[] = [];
  const entries: LogEntry[] = [];
  let current: Session | null = null;
  const config = connectionOptions(databaseUrl, applicationName(node, 'lock'), leaseMs, {
    idle_session_timeout: leaseMs,
    ...settings,
  });
  const lock = new LeaderLock({
    async open(signal) {
      current = await Session.open(config, signal);
      return current;
    },
    leaseMs,
    node,
    url: () => `http://${node}`,
    log: pino({ base: { node } }, { write: (line: string) => void entries.push(JSON.parse(line)) }),
    onLost(reason) {
      lost.push(reason);
      onLost(reason);
    },
    ...(clock ? { clock } : {}),
  });
  const onSession = async <Row extends pg.QueryResultRow>(sql: string) => {
    if (current === null) throw new Error(`${node} has no lock session`);
    return current.query<Row>({ text: sql }, 2000);
  };
  return { lock, onSession, lost, entries };
}

/** The coordination of one node in this process: lock, SyncManager and listener, without HTTP. */
export interface Coordinator extends LocalLock {
  node: string;
  sync: SyncManager;
  peers: Peers;
  /** Emits `role` with the role after each change. */
  roles: EventEmitter;
  stop(): Promise<void>;
}

export interface CoordinatorOptions extends LockOptions {
  isActive?: boolean;
  isPreferred?: boolean;
  peerUrls?: string[];
  beat?: (role: string) => Promise<void>;
  /** The state of its write session; default: always open. */
  writing?: { ready(): Promise<void>; closedForMs: number };
  drain?: () => Promise<void>;
}

/** Starts the coordination of a node, which may be a standby or active when this resolves. */
export async function startCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { databaseUrl, node, leaseMs, clock } = options;
  const local = localLock(options, (reason) => sync.handleLockLost(reason));
  const log = pino({ base: { node } }, { write: (line: string) => void local.entries.push(JSON.parse(line)) });
  const roles = new EventEmitter();
  const watching = new ReconnectingSession(connectionOptions(databaseUrl, applicationName(node, 'backlog'), 5000));
  const given = clock ? { clock } : {};
  const peers = new Peers({
    node,
    urls: options.peerUrls ?? [],
    identity: { ...TEST_IDENTITY, matches: ({ cluster }) => cluster === TEST_IDENTITY.cluster },
    onOtherEpoch: () => undefined,
    onStranger: () => undefined,
    onSilence: (peer) => sync.suspectVacancy(`${peer} went silent`),
    ...given,
  });
  const sync: SyncManager = new SyncManager({
    node,
    leaseMs,
    isActive: options.isActive ?? true,
    isPreferred: options.isPreferred ?? false,
    lock: new LockKeeper({ lock: local.lock, leaseMs, ...given }),
    watching,
    explain: async (error) => error,
    writing: options.writing ?? { ready: async () => undefined, closedForMs: 0 },
    peers,
    log,
    beat: options.beat ?? (async () => undefined),
    requestDuty: async () => '',
    isCaughtUp: () => true,
    drain: options.drain ?? (async () => undefined),
    onRole: (role) => void roles.emit('role', role),
    ...given,
  });
  const listener = new Listener(
    { ...connectionOptions(databaseUrl, applicationName(node, 'listen'), 5000), query_timeout: 5000 },
    ['plantao_cluster'],
    log,
  );
  await listener.start({
    onListening: () => undefined,
    onNotification(_, payload) {
      const signal = readSignal(payload);
      if (signal && signal.kind !== 'switchover') sync.handleSignal(signal);
    },
  });
  sync.start();
  const stop = async () => {
    await sync.stop();
    listener.stop();
    await watching.stop();
  };
  return { ...local, node, sync, peers, roles, stop };
}
