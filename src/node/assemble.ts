/**
 * Puts the parts of a node together. A message goes this way:
 * http/routes/messages/message-routes → chat/posting/message-writer → PostgreSQL (fence, event log and NOTIFY in one transaction)
 * → database/listener receives the notification → events/event-log reads the event → chat/delivery/event-delivery finds its
 * waiters in events/waiters → http/delivery/long-poll responds.
 * coordination/sync-manager explains why only one node writes, and how the nodes elect it.
 */
import { LockThread } from '../coordination/lock/lock-thread.ts';
import { describePause } from '../coordination/pause.ts';
import { BlockerWatch } from '../database/checks/blocker-watch.ts';
import type { Listener } from '../database/listener.ts';
import type { Log } from '../log/log.ts';
import type { LogLevel } from '../log/log-level.ts';
import type { LogOutput } from '../log/log-output.ts';
import { Measurements } from '../measurements/measurements.ts';
import { packageVersion } from '../package-root.ts';
import type { Settings } from '../settings.ts';
import { Conditions } from './conditions.ts';
import { OwnAddress } from './own-address.ts';
import { buildChat, type NodeChat } from './parts/chat.ts';
import { buildCoordination, describeSecondActive, type NodeCoordination } from './parts/coordination.ts';
import { type NodeDatabase, openDatabase } from './parts/database.ts';
import { buildHttp } from './parts/http.ts';
import { buildListener } from './parts/listener.ts';
import { NodeEvents } from './parts/node-events.ts';
import { buildWatches, logChangedSettings } from './parts/watches.ts';
import { Readiness } from './readiness.ts';

/**
 * The parts that a test gives a node instead of its own: a log, a compiled lock-worker.ts, another interval for the checks of the
 * tables.
 */
export interface GivenParts {
  log?: Log;
  lockProgram?: URL | undefined;
  tableCheckMs?: number;
}

/** Options of {@link assemble}. */
export interface NodeOptions {
  settings: Settings;
  node: string;
  log: Log;
  logLevel: LogLevel;
  logOutput: LogOutput;
  given: GivenParts;
}

/** Builds a node, which starts and stops its parts in order. */
export function assemble(options: NodeOptions) {
  const parts = buildParts(options);
  return {
    url: parts.address.url,
    term: () => parts.coordination.sync.leader?.term ?? null,
    start: () => startParts(parts),
    stop: () => stopParts(parts),
  };
}

type Parts = ReturnType<typeof buildParts>;

/** Builds the parts, each from those before it. A part reports to a later one by an event ({@link NodeEvents}). */
function buildParts({ settings, node, log, logLevel, logOutput, given }: NodeOptions) {
  const events = new NodeEvents();
  const address = new OwnAddress(settings);
  const { url } = address;
  const measurements = new Measurements();
  const database = openDatabase(settings, node, events);
  const conditions = new Conditions(log);
  const { notifyQueue, tables } = buildWatches(database.sequelize, conditions, given.tableCheckMs);
  const blockers = new BlockerWatch(database.catchUpSession, log);
  const lock = new LockThread({
    session: database.lockSession(),
    leaseMs: settings.leaseMs,
    node,
    url,
    log,
    onLost: (reason, cause) => void events.emit('lockLost', reason, cause),
    program: given.lockProgram,
  });
  const chat = buildChat({
    settings,
    log,
    database,
    fencingToken: () => lock.term?.token ?? null,
    toBlockedError: blockers.toBlockedError,
    measurements,
    events,
  });
  logChangedSettings(events, log);
  const listener = buildListener(chat, { connection: database.listenOptions(), log, events });
  events.on('notificationMissed', async () => {
    // While the NOTIFY queue is full no notification is sent, and a new listener would receive none either.
    if (await notifyQueue.checkHints()) listener.replace('the event log advanced and no notification arrived');
  });
  const shared = { settings, node, version: packageVersion(), url, log, logLevel, database, lock, chat, measurements };
  const coordination = buildCoordination({ ...shared, blockers, conditions, listener, events });
  const readiness = buildReadiness({ ...shared, conditions, blockers, listener, coordination, logOutput });
  const http = buildHttp({ ...shared, logOutput, coordination, readiness, notifyQueue, listener });
  return { ...shared, address, notifyQueue, tables, blockers, listener, coordination, readiness, http };
}

interface ReadinessParts {
  conditions: Conditions;
  blockers: BlockerWatch;
  chat: NodeChat;
  listener: Listener;
  coordination: NodeCoordination;
  logOutput: LogOutput;
  database: NodeDatabase;
}

/** Builds the check of what the other parts report. */
function buildReadiness({
  conditions,
  blockers,
  chat,
  listener,
  coordination,
  logOutput,
  database,
}: ReadinessParts): Readiness {
  const { sync, sameServer, pause } = coordination;
  return new Readiness({
    conditions,
    role: () => sync.role,
    readProblem: () => chat.eventLog.problem,
    isListening: () => listener.isListening,
    promotionProblem: () => sync.promotionProblem ?? (sync.leader === null ? sameServer.problem : null),
    blockers: () => blockers.sentence,
    pause: () => pause.current && describePause(pause.current),
    secondActive: () => describeSecondActive(coordination),
    logProblem: () => logOutput.problem,
    serverProblem: () => sameServer.problem,
    writer: chat.writer,
    pool: database.pool,
  });
}

async function startParts({ settings, log, address, lock, coordination, chat, ...parts }: Parts): Promise<void> {
  lock.start();
  await coordination.identity.load();
  await chat.start();
  await parts.listener.start();
  // Before peers can see this node: the active node may fail right after, and then the first one to try becomes active.
  await Promise.all([parts.database.writerSession.ready(), lock.prepare()]);
  address.listensOn(await parts.http.server.listen(settings.port, settings.host));
  coordination.sync.start();
  chat.backgroundTasks.start();
  parts.notifyQueue.start();
  parts.tables.start();
  parts.readiness.start();
  log.info({ event: 'listening', url: address.url(), pid: process.pid }, `serving at ${address.url()}`);
}

/** Stops the parts so that each can still use the later ones. The node resigns first, so that a peer becomes active during the rest. */
async function stopParts({ http, lock, chat, coordination, ...parts }: Parts): Promise<void> {
  parts.readiness.stop();
  coordination.sameServer.stop();
  await coordination.sync.stop();
  http.polls.drain();
  http.streams.drain();
  await http.server.close();
  http.forwarder?.stop();
  parts.listener.stop();
  parts.blockers.stop();
  // Together, because work that waits for an unresponsive database ends only with its session.
  await Promise.all([lock.stop(), chat.stop(), parts.notifyQueue.stop(), parts.tables.stop(), parts.database.stop()]);
}
