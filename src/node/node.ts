/**
 * Builds one node from its parts. A message goes this way:
 * http/routes/messages/message-routes → chat/posting/message-writer → PostgreSQL (fence, event log and NOTIFY in one transaction)
 * → database/listener receives the notification → events/event-log reads the event → chat/delivery/event-delivery finds its
 * waiters in events/waiters → http/delivery/long-poll responds.
 * coordination/sync-manager explains why only one node writes, and how exactly one node is active.
 */
import { monotonic } from '../async/clock.ts';
import { LockThread } from '../coordination/lock/lock-thread.ts';
import { describePause } from '../coordination/pause.ts';
import { parseClusterSignal } from '../coordination/peers/cluster-signal.ts';
import { SignalLimit } from '../coordination/peers/signal-limit.ts';
import { CHANNELS } from '../database/channels.ts';
import { BlockerWatch } from '../database/checks/blocker-watch.ts';
import { withDatabaseAdvice } from '../database/database-advice.ts';
import { Listener, type ListenerOptions } from '../database/listener.ts';
import { migrate } from '../database/migrator.ts';
import { captureWarnings, createLog, type Log } from '../log/log.ts';
import { LogLevel } from '../log/log-level.ts';
import { type LogOutput, standardOutput } from '../log/log-output.ts';
import { Measurements } from '../measurements.ts';
import { packageVersion } from '../package-root.ts';
import { settingsWarnings } from '../settings/warnings.ts';
import type { Settings } from '../settings.ts';
import { Conditions } from './conditions.ts';
import { type FittedLimits, fitToOpenFiles, openFilesLimit } from './open-files.ts';
import { OwnAddress } from './own-address.ts';
import { buildChat, type NodeChat } from './parts/chat.ts';
import { buildCoordination, describeSecondActive } from './parts/coordination.ts';
import { openDatabase } from './parts/database.ts';
import { buildHttp } from './parts/http.ts';
import { NodeEvents } from './parts/node-events.ts';
import { buildWatches, logChangedSettings } from './parts/watches.ts';
import { Readiness } from './readiness.ts';
import { checkDatabase } from './start-check.ts';

/** A node. `start` and `stop` may be called more than once: a repeated call returns the first call's promise. */
export interface Node {
  /** The address of this node; known once it has started. */
  readonly url: string;
  readonly name: string;
  /**
   * Resolves when the node serves requests.
   * @throws an error whose message says what to do if it cannot start; nothing is left running then.
   */
  start(): Promise<void>;
  /** Resigns the active role, responds to every waiter, finishes the requests in flight, and closes. */
  stop(): Promise<void>;
  /** Changes the log level to debug, or back. */
  toggleDebugLog(): void;
  /** Logs what libraries print as warnings, for the rest of the process. */
  captureWarnings(): void;
}

/** How long a stop waits for a slow reader of the log. */
const FLUSH_LIMIT_MS = 1000;

/**
 * The parts that a test gives a node instead of its own: a log, a compiled lock-worker.ts, another interval for the checks of the
 * tables.
 */
export interface GivenParts {
  log?: Log;
  lockProgram?: URL | undefined;
  tableCheckMs?: number;
}

/** Creates a node from its settings; nothing runs before `start`. */
export function createNode(settings: Settings, given: GivenParts = {}): Node {
  const name = settings.nodeName ?? `node-${settings.port === 0 ? process.pid : settings.port}`;
  const pretty = settings.logFormat === 'pretty' || (settings.logFormat === 'auto' && process.stdout.isTTY === true);
  let parts: ReturnType<typeof assemble> | null = null;
  const term = () => parts?.term() ?? null;
  const logOutput = standardOutput();
  const log = given.log ?? createLog({ node: name, level: settings.logLevel, pretty, term }, logOutput);
  const logLevel = new LogLevel(log, settings.logLevel);
  let starting: Promise<void> | null = null;
  let stopping: Promise<void> | null = null;
  const stopped = new AbortController();

  const start = async () => {
    const { databaseDirectUrl: url } = settings;
    const applied = await withDatabaseAdvice(url, () =>
      migrate(url, { log: (line) => log.info(line), signal: stopped.signal }),
    );
    if (applied > 0) log.info(`the schema is up to date (migrations applied: ${applied})`);
    const databaseWarnings = await checkDatabase(settings, { skipTables: true });
    for (const warning of [...settingsWarnings(settings), ...databaseWarnings]) log.warn(warning);
    stopped.signal.throwIfAborted();
    const openFiles = openFilesLimit();
    const limits = fitToOpenFiles(settings, openFiles);
    if (limits.maxConnections < settings.maxConnections) logLimits(log, openFiles, limits, settings);
    parts = assemble({
      settings: { ...settings, ...limits },
      node: name,
      log,
      logLevel,
      logOutput,
      given,
    });
    try {
      await parts.start();
    } catch (error) {
      await parts.stop();
      throw error;
    }
  };
  const stop = async () => {
    // A migration, or the wait for that of another node, may take minutes.
    stopped.abort(new Error('it was stopped'));
    await starting?.catch(() => {});
    await parts?.stop();
    log.info({ event: 'stopped' }, 'stopped');
    await logOutput.flush(FLUSH_LIMIT_MS);
  };

  return {
    name,
    get url() {
      return parts?.url() ?? '';
    },
    toggleDebugLog: () => logLevel.toggleDebug('signal SIGUSR2'),
    captureWarnings: () => captureWarnings(log),
    start: () => {
      starting ??= start();
      return starting;
    },
    stop: () => {
      stopping ??= stop();
      return stopping;
    },
  };
}

/**
 * Logs the reduced limits. Some systems permit a little less than MAX_CONNECTIONS by default; much less may surprise, so it is a
 * warning.
 */
function logLimits(
  log: Log,
  openFiles: number,
  { maxConnections, maxWaiters }: FittedLimits,
  settings: Settings,
): void {
  const isMuchLess = maxConnections * 2 < settings.maxConnections;
  log[isMuchLess ? 'warn' : 'info'](
    `the system lets this process open ${openFiles} files, so MAX_CONNECTIONS is ${maxConnections} instead of ${settings.maxConnections}, and MAX_WAITERS ${maxWaiters}: raise the limit (ulimit -n, LimitNOFILE), or set them lower`,
  );
}

/** The parameters of {@link assemble}. */
interface NodeBasis {
  settings: Settings;
  node: string;
  log: Log;
  logLevel: LogLevel;
  logOutput: LogOutput;
  given: GivenParts;
}

/** Builds the parts, each from those before it. A part reports to a later one by an event ({@link NodeEvents}). */
function assemble({ settings, node, log, logLevel, logOutput, given }: NodeBasis) {
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
  const listener = listenFor(chat, { connection: database.listenOptions(), log, events });
  events.on('notificationMissed', async () => {
    // While the NOTIFY queue is full no notification is sent, and a new listener would receive none either.
    if (await notifyQueue.checkHints()) listener.replace('the event log advanced and no notification arrived');
  });
  const shared = { settings, node, version: packageVersion(), url, log, logLevel, database, lock, chat, measurements };
  const coordination = buildCoordination({ ...shared, blockers, conditions, listener, events });
  const { sync, sameServer } = coordination;
  const readiness = new Readiness({
    conditions,
    role: () => sync.role,
    readProblem: () => chat.eventLog.problem,
    isListening: () => listener.isListening,
    promotionProblem: () => sync.promotionProblem ?? (sync.leader === null ? sameServer.problem : null),
    blockers: () => blockers.sentence,
    pause: () => coordination.pause.current && describePause(coordination.pause.current),
    secondActive: () => describeSecondActive(coordination),
    logProblem: () => logOutput.problem,
    serverProblem: () => sameServer.problem,
    writer: chat.writer,
  });
  const http = buildHttp({ ...shared, logOutput, coordination, readiness, notifyQueue, listener });

  return {
    url,
    term: () => sync.leader?.term ?? null,
    async start() {
      lock.start();
      await coordination.identity.load();
      await chat.start();
      await listener.start();
      // Before peers can see this node: the active node may fail right after, and then the first one to try becomes active.
      await Promise.all([database.writerSession.ready(), lock.prepare()]);
      address.listensOn(await http.server.listen(settings.port, settings.host));
      sync.start();
      chat.retention.start();
      chat.searchIndexer.start();
      chat.groupRemoval.start();
      notifyQueue.start();
      tables.start();
      readiness.start();
      log.info({ event: 'listening', url: url(), pid: process.pid }, `serving at ${url()}`);
    },
    /** Stops the parts so that each can still use the later ones. The node resigns first: a peer becomes active meanwhile. */
    async stop() {
      readiness.stop();
      sameServer.stop();
      await sync.stop();
      http.polls.drain();
      http.streams.drain();
      await http.server.close();
      http.forwarder?.stop();
      listener.stop();
      blockers.stop();
      // Together, because work that waits for an unresponsive database ends only with its session.
      await Promise.all([lock.stop(), chat.stop(), notifyQueue.stop(), tables.stop(), database.stop()]);
    },
  };
}

/** Creates the listener, which hands each notification to the part of the chat that it is for, or emits it as a signal of the cluster. */
function listenFor(
  { eventLog, tokenCache, live }: NodeChat,
  { events, ...options }: Pick<ListenerOptions, 'connection' | 'log'> & { events: NodeEvents },
): Listener {
  const signalLimit = new SignalLimit(monotonic);
  return new Listener({
    ...options,
    channels: Object.values(CHANNELS).filter((channel) => channel !== CHANNELS.signals || live !== null),
    onListening: () => void eventLog.hint(),
    onNotification(channel, payload) {
      if (channel === CHANNELS.events) return void eventLog.hint(payload);
      if (channel === CHANNELS.tokens) return tokenCache.readRevocationsSoon();
      if (channel === CHANNELS.signals) return live?.receive(payload);
      const signal = signalLimit.allows() ? parseClusterSignal(payload) : null;
      if (signal) events.emit('clusterSignal', signal);
    },
  });
}
