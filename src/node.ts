/**
 * One node, put together. The way of a message: http/message-routes → chat/message-writer → PostgreSQL (fence, log and
 * NOTIFY in one transaction) → database/listener hears the hint → events/event-log reads → chat/subscriptions →
 * events/waiters → http/long-poll. Why only one node writes: coordination/sync-manager.
 */
import { readFileSync } from 'node:fs';
import type { QueryConfig } from 'pg';
import { Backlog } from './chat/backlog.ts';
import { Groups } from './chat/groups.ts';
import { MessageWriter, REHEARSAL } from './chat/message-writer.ts';
import { Messages } from './chat/messages.ts';
import { Notifications } from './chat/notifications.ts';
import { Rosters } from './chat/rosters.ts';
import { openSignIn } from './chat/sign-in.ts';
import { Subscriptions } from './chat/subscriptions.ts';
import { Users } from './chat/users.ts';
import { ClusterView } from './cluster-view.ts';
import { readSignal } from './coordination/cluster-signal.ts';
import { LeaderLock } from './coordination/leader-lock.ts';
import { NodeRegistry } from './coordination/node-registry.ts';
import { Peers } from './coordination/peers.ts';
import { SyncManager } from './coordination/sync-manager.ts';
import { applicationName, connectionOptions, type SessionPart } from './database/connection.ts';
import { fencedWrite } from './database/fenced-write.ts';
import { Listener } from './database/listener.ts';
import { migrate } from './database/migrator.ts';
import { reachable } from './database/reachable.ts';
import { closeSequelize, openSequelize } from './database/sequelize.ts';
import { Session } from './database/session.ts';
import { StandingSession } from './database/standing-session.ts';
import { EventLog } from './events/event-log.ts';
import { Retention } from './events/retention.ts';
import { Waiters } from './events/waiters.ts';
import { createApp } from './http/app.ts';
import { believeEverybody, identifyByToken } from './http/caller.ts';
import { EventStreams } from './http/event-streams.ts';
import { LongPolls } from './http/long-poll.ts';
import { Server } from './http/server.ts';
import type { Services } from './http/services.ts';
import { WaitingRoom } from './http/waiting-room.ts';
import { createLog, type Log } from './log.ts';
import { type Settings, warningsAbout } from './settings.ts';
import { checkDatabase } from './start-check.ts';

const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

/** A running node, or one that can be started. `start` and `stop` may each be called twice; the second shares the first's promise. */
export interface Node {
  /** Where it is reached; known once it has started. */
  readonly url: string;
  readonly name: string;
  /** Resolves when it serves. @throws a sentence for the operator where it cannot; nothing is left running then. */
  start(): Promise<void>;
  /** Hands the duty over, answers every waiter, finishes what is under way, closes. */
  stop(): Promise<void>;
}

/** Makes a node of its settings; nothing runs before `start`. */
export function createNode(settings: Settings, given: { log?: Log } = {}): Node {
  const name = settings.nodeName ?? `node-${settings.port === 0 ? process.pid : settings.port}`;
  const pretty = settings.logFormat === 'pretty' || (settings.logFormat === 'auto' && process.stdout.isTTY === true);
  const log = given.log ?? createLog({ node: name, level: settings.logLevel, pretty });
  let parts: ReturnType<typeof assemble> | null = null;
  let starting: Promise<void> | null = null;
  let stopping: Promise<void> | null = null;

  const start = async () => {
    const { databaseDirectUrl: url } = settings;
    const applied = await reachable(url, () => migrate(url, { log: (line) => log.info(line) }));
    if (applied > 0) log.info(`the schema is at its newest: ${applied} migrations applied`);
    for (const warning of [...warningsAbout(settings), ...(await checkDatabase(settings))]) log.warn(warning);
    parts = assemble(settings, name, log);
    try {
      await parts.start();
    } catch (error) {
      await parts.stop();
      throw error;
    }
  };
  const stop = async () => {
    await starting?.catch(() => {});
    await parts?.stop();
    log.info({ event: 'stopped' }, 'stopped');
  };

  return {
    name,
    get url() {
      return parts?.url() ?? '';
    },
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

function assemble(settings: Settings, name: string, log: Log) {
  const startedAt = new Date();
  let url = settings.nodeUrl ?? `http://localhost:${settings.port}`;
  const session = (part: SessionPart, statementLimitMs: number, more: Record<string, string | number> = {}) =>
    connectionOptions(settings.databaseDirectUrl, applicationName(name, part), statementLimitMs, more);
  // All that these sessions ask is found by key: one plan each, made once (to plan takes longer than to read what woke a
  // node), and without scans, so that a plan from when the tables were small stays good.
  const byKey = { enable_seqscan: 'off', plan_cache_mode: 'force_generic_plan' };
  const pooled = (part: SessionPart, statementLimitMs: number, rehearsal?: QueryConfig) =>
    new StandingSession(
      connectionOptions(settings.databaseUrl, applicationName(name, part), statementLimitMs, byKey),
      rehearsal,
    );

  // The database, for queries and for hints.
  const sequelize = openSequelize(settings.databaseUrl, applicationName(name, 'pool'), settings.poolSize);
  const reading = pooled('log', 2000);
  const catchingUp = pooled('backlog', 5000);
  const commitLimitMs = Math.max(1000, settings.leaseMs);
  // The server gives up a little before the client: then it is known what became of a commit.
  const writing = pooled('writer', commitLimitMs - 100, REHEARSAL);
  const asking = pooled('tokens', 2000);
  const listener = new Listener(
    { ...session('listen', 5000), query_timeout: 5000 },
    ['plantao_events', 'plantao_cluster', 'plantao_tokens'],
    {
      onListening: () => void eventLog.catchUp(),
      onNotification(channel, payload) {
        if (channel === 'plantao_events') return eventLog.hint(payload);
        if (channel === 'plantao_tokens') return knownTokens.hint();
        const signal = readSignal(payload);
        if (signal?.kind === 'promoted') void eventLog.refresh();
        if (signal) sync.hear(signal);
      },
    },
    log,
  );

  // Who is on duty.
  const lock: LeaderLock = new LeaderLock({
    open: (signal) => Session.open(session('lock', commitLimitMs, { idle_session_timeout: settings.leaseMs }), signal),
    leaseMs: settings.leaseMs,
    node: name,
    url: () => url,
    log,
    onLost: (reason) => sync.lockLost(reason),
  });
  const peers = new Peers({
    node: name,
    urls: settings.peerUrls,
    onSilence: (peer) => sync.sign(`${peer} went silent`),
  });
  const registry = new NodeRegistry(sequelize, log);
  const sync: SyncManager = new SyncManager({
    node: name,
    leaseMs: settings.leaseMs,
    isActive: settings.isActive,
    isPrimary: settings.isPrimary,
    lock,
    writing,
    peers,
    log,
    async beat(role) {
      const { isPrimary } = settings;
      const row = { node: name, url, pid: process.pid, version, role, isPrimary, term: sync.leader?.term ?? null };
      const others = await registry.beat({ ...row, position: eventLog.head, waiters: waiters.size, startedAt });
      peers.learn(others);
    },
    requestDuty: () => registry.requestDuty(name),
    isCaughtUp: () => cluster.isReady,
    drain: () => writer.drain(500),
    onRole(role) {
      if (role === 'active') void eventLog.refresh();
      waiters.tellAll('role', eventLog.cursorAt(eventLog.head));
    },
  });

  // The chat.
  const write = fencedWrite(sequelize, () => lock.term);
  const users = new Users();
  const isTokenMode = settings.auth === 'token';
  const signIn = { sequelize, write, users, session: asking, log, settings };
  const { accounts, tokens, knownTokens } = openSignIn(signIn);
  const waiters = new Waiters();
  const eventLog: EventLog = new EventLog({
    session: isTokenMode ? knownTokens.before(reading) : reading,
    log,
    onEvents: (batch) => subscriptions.deliver(batch),
    onNewHistory(cursor) {
      knownTokens.forget();
      subscriptions.dismiss(cursor);
    },
    onDeaf: () => listener.replace('the event log moved and no notification of it came'),
  });
  const rosters = new Rosters(reading, eventLog);
  const subscriptions = new Subscriptions(eventLog, new Backlog(catchingUp), waiters, rosters);
  const term = () => lock.term;
  const retention = new Retention({
    sequelize,
    log,
    term,
    eventHours: settings.eventRetentionHours,
    eventCount: settings.eventRetentionCount,
    keyHours: settings.idempotencyRetentionHours,
  });
  const writer = new MessageWriter({ session: writing, term, membersOnly: isTokenMode, commitLimitMs });

  // HTTP.
  const room = new WaitingRoom(settings.maxWaiters);
  const waiting = { eventLog, waiters, subscriptions, room, isServing: () => sync.role !== 'fallen' };
  const polls = new LongPolls(waiting);
  const streams = new EventStreams({ ...waiting, log });
  const isServing = () => listener.isListening && eventLog.isReading;
  const cluster = new ClusterView(name, () => url, sync, peers, isServing);
  const services: Services = {
    version,
    corsOrigin: settings.corsOrigin,
    trustProxy: settings.trustProxy,
    log,
    sequelize,
    cluster,
    authMode: settings.auth,
    adminToken: settings.adminToken,
    requestsPerMinute: settings.requestsPerMinute,
    identify: isTokenMode ? identifyByToken(knownTokens, settings.adminToken) : believeEverybody,
    users,
    accounts,
    tokens,
    groups: new Groups(sequelize, write, users),
    messages: new Messages(sequelize, write),
    writer,
    notifications: new Notifications(sequelize, write),
    rosters,
    eventLog,
    waiters,
    polls,
    streams,
  };
  const server = new Server(createApp(services), settings.maxConnections);

  return {
    url: () => url,
    async start() {
      if (isTokenMode) await knownTokens.start();
      await eventLog.start();
      await listener.start();
      // Warm before it counts as a standby: its first hour on duty may be the next one.
      await Promise.all([writing.ready(), lock.prepare()]);
      const port = await server.listen(settings.port, settings.host);
      url = settings.nodeUrl ?? `http://localhost:${port}`;
      sync.start();
      retention.start();
      log.info({ event: 'listening', url, pid: process.pid }, `serving at ${url}`);
    },
    /** Each step leaves the later ones what they need: duty first, so that a peer is active before this process is gone. */
    async stop() {
      await sync.stop();
      polls.drain();
      streams.drain();
      await server.close();
      listener.stop();
      await Promise.all([eventLog.stop(), knownTokens.stop(), retention.stop()]);
      await Promise.all([reading.stop(), catchingUp.stop(), writing.stop(), asking.stop(), closeSequelize(sequelize)]);
    },
  };
}
