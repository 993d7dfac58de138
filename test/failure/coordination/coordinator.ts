import { EventEmitter } from 'node:events';
import type pg from 'pg';
import pino from 'pino';
import type { Clock } from '../../../src/async/clock.ts';
import { LeaderLock } from '../../../src/coordination/lock/leader-lock.ts';
import type { LeaderLockOptions } from '../../../src/coordination/lock/leader-lock-options.ts';
import { Lease } from '../../../src/coordination/lock/lease.ts';
import { parseClusterSignal } from '../../../src/coordination/peers/cluster-signal.ts';
import { Peers } from '../../../src/coordination/peers/peers.ts';
import { SyncManager } from '../../../src/coordination/sync-manager.ts';
import { Listener } from '../../../src/database/listener.ts';
import { applicationName, connectionOptions } from '../../../src/database/session/connection.ts';
import { DatabaseSession } from '../../../src/database/session/database-session.ts';
import { ReconnectingSession } from '../../../src/database/session/reconnecting-session.ts';
import { TEST_IDENTITY } from '../../support/nodes/fake-peer.ts';
import type { LogEntry } from '../../support/nodes/node-process.ts';

/** The resignation of the tests. */
export const RESIGNATION = { reason: 'test', cause: 'stop', handTo: null, requester: null } as const;

/** The promotion of the tests. */
export const PROMOTION = { reason: 'test', unseenMs: 0 };

export interface LockOptions {
  databaseUrl: string;
  node: string;
  leaseMs: number;
  clock?: Clock;
  /** Settings of the lock session beside the lease; `idle_session_timeout: 0` takes the lease away. */
  settings?: Record<string, string | number>;
}

/** A leader lock whose session a test can use. */
export interface LocalLock {
  lock: LeaderLock;
  /** The number of the term that the lock is valid for now, or null. */
  readonly term: number | null;
  /** Runs SQL on the lock session itself, between two heartbeats. */
  onSession<Row extends pg.QueryResultRow>(sql: string): Promise<Row[]>;
  /** The reason of each loss. */
  lost: string[];
  entries: LogEntry[];
}

/** Creates a leader lock that sends no heartbeat by itself. */
export const localLock = (options: LockOptions): LocalLock => openLock(options, { schedule: () => undefined });

function openLock(options: LockOptions, more: Partial<LeaderLockOptions>): LocalLock {
  const { databaseUrl, node, leaseMs, clock, settings = {} } = options;
  const lost: string[] = [];
  const entries: LogEntry[] = [];
  const given = clock ? { clock } : {};
  const lease = new Lease({ leaseMs, ...given });
  let current: DatabaseSession | null = null;
  const config = connectionOptions(databaseUrl, applicationName(node, 'lock'), leaseMs, {
    idle_session_timeout: leaseMs,
    ...settings,
  });
  const lock = new LeaderLock({
    async open(signal) {
      current = await DatabaseSession.open(config, signal);
      return current;
    },
    leaseMs,
    node,
    url: () => `http://${node}`,
    log: pino({ base: { node } }, { write: (line: string) => void entries.push(JSON.parse(line)) }),
    lease,
    ...given,
    ...more,
    onLost(reason, cause) {
      lost.push(reason);
      more.onLost?.(reason, cause);
    },
  });
  const onSession = async <Row extends pg.QueryResultRow>(sql: string) => {
    if (current === null) throw new Error(`${node} has no lock session`);
    return current.query<Row>({ text: sql }, 2000);
  };
  const local = { lock, onSession, lost, entries };
  const term = () => (lease.heldTerm !== null && lease.isValid(lease.heldTerm) ? lease.heldTerm : null);
  return Object.defineProperty(local, 'term', { get: term, enumerable: true }) as LocalLock;
}

/** The coordination of one node by itself, in this process: lock, SyncManager and listener, no HTTP. */
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
  writeRow?: () => Promise<boolean>;
  /** Whether it can write; default: always. */
  writing?: { opened(): Promise<void>; unreachableForMs: number };
  drain?: () => Promise<void>;
}

/** The coordinators of the tests of a `describe`, each stopped after the test that started it, the last one first. */
export interface UsedCoordinators {
  /** Those that run, in the order of their start. */
  running: Coordinator[];
  start(node: string, more?: Partial<CoordinatorOptions>): Promise<Coordinator>;
}

/** Starts coordinators on a database that the tests create. */
export function useCoordinators(databaseUrl: () => string, leaseMs: number): UsedCoordinators {
  const running: Coordinator[] = [];
  afterEach('the coordinators', async () => {
    for (const one of running.splice(0).reverse()) await one.stop();
  });
  return {
    running,
    async start(node, more = {}) {
      const one = await startCoordinator({ databaseUrl: databaseUrl(), node, leaseMs, ...more });
      running.push(one);
      return one;
    },
  };
}

/** Starts the coordination of a node. It is not necessarily active yet when this resolves. */
export async function startCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { databaseUrl, node, leaseMs, clock } = options;
  const local = openLock(options, { onLost: (reason, cause) => sync.handleLockLost(reason, cause) });
  const log = pino({ base: { node } }, { write: (line: string) => void local.entries.push(JSON.parse(line)) });
  const roles = new EventEmitter();
  const watching = new ReconnectingSession(connectionOptions(databaseUrl, applicationName(node, 'catchup'), 5000));
  const given = clock ? { clock } : {};
  const peers = new Peers({
    node,
    urls: options.peerUrls ?? [],
    identity: { ...TEST_IDENTITY, matches: ({ cluster }) => cluster === TEST_IDENTITY.cluster },
    onOtherEpoch: () => undefined,
    onForeignNode: () => undefined,
    onActiveSilent: (peer) => sync.suspectVacancy(`${peer} went silent`),
    ...given,
  });
  const sync: SyncManager = new SyncManager({
    node,
    leaseMs,
    isActive: options.isActive ?? true,
    isPreferred: options.isPreferred ?? false,
    lock: local.lock,
    catchUpSession: watching,
    toBlockedError: async (error) => error,
    writerSession: options.writing ?? { opened: async () => undefined, unreachableForMs: 0 },
    peers,
    log,
    writeRow: options.writeRow ?? (async () => false),
    requestSwitchover: async () => '',
    takeSwitchoverRequest: async () => null,
    reportLostLock: async () => undefined,
    isCaughtUp: () => true,
    drain: options.drain ?? (async () => undefined),
    onRole: (role) => void roles.emit('role', role),
    ...given,
  });
  const listener = new Listener({
    connection: { ...connectionOptions(databaseUrl, applicationName(node, 'listen'), 5000), query_timeout: 5000 },
    channels: ['plantao_cluster'],
    log,
    onListening: () => undefined,
    onNotification(_, payload) {
      const signal = parseClusterSignal(payload);
      if (signal) sync.handleSignal(signal);
    },
  });
  await listener.start();
  sync.start();
  const stop = async () => {
    await sync.stop();
    listener.stop();
    await watching.stop();
  };
  return Object.defineProperties(
    { node, sync, peers, roles, stop } as Coordinator,
    Object.getOwnPropertyDescriptors(local),
  );
}
