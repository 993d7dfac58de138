import { JwtSessions } from '../../chat/auth/jwt/jwt-sessions.ts';
import type { LockThread } from '../../coordination/lock/lock-thread.ts';
import type { NotifyQueue } from '../../database/checks/notify-queue.ts';
import type { Listener } from '../../database/listener.ts';
import { BODY_LIMIT, createApp } from '../../http/app.ts';
import { ConnectionTracker } from '../../http/connection-tracker.ts';
import { LongPolls } from '../../http/delivery/long-polls.ts';
import { PollSlots } from '../../http/delivery/poll-slots.ts';
import { SseStreams } from '../../http/delivery/sse-streams.ts';
import { WriteForwarder } from '../../http/forwarding/write-forwarder.ts';
import { HttpServer } from '../../http/http-server.ts';
import { LogThrottle } from '../../http/log-throttle.ts';
import { authenticateByToken, trustEveryone } from '../../http/request/checks/authentication.ts';
import { HostCheck } from '../../http/request/checks/host-check.ts';
import { OriginCheck } from '../../http/request/checks/origin-check.ts';
import { NotificationLimits } from '../../http/request/checks/rate-limit.ts';
import { RequestQueues } from '../../http/request/request-queues.ts';
import type { Services } from '../../http/services.ts';
import type { Log } from '../../log/log.ts';
import type { LogLevel } from '../../log/log-level.ts';
import type { LogOutput } from '../../log/log-output.ts';
import type { Measurements } from '../../measurements/measurements.ts';
import { isLoopback } from '../../settings/loopback.ts';
import type { Settings } from '../../settings.ts';
import type { Readiness } from '../readiness.ts';
import type { NodeChat } from './chat.ts';
import type { NodeCoordination } from './coordination.ts';
import type { NodeDatabase } from './database.ts';

/** Options of {@link buildHttp}. */
export interface HttpOptions {
  settings: Settings;
  version: string;
  /** Returns the address at which peers and clients reach this node. */
  url(): string;
  log: Log;
  logLevel: LogLevel;
  logOutput: LogOutput;
  database: NodeDatabase;
  lock: LockThread;
  chat: NodeChat;
  coordination: NodeCoordination;
  readiness: Readiness;
  notifyQueue: NotifyQueue;
  listener: Listener;
  measurements: Measurements;
}

/** Builds the routes and the server that serves them. */
export function buildHttp(options: HttpOptions) {
  const { settings, version, log, logLevel, logOutput, database, lock, chat, coordination } = options;
  const { readiness, notifyQueue, listener, measurements } = options;
  const { cluster, activity } = coordination;
  const { eventLog, waiters, tokenCache, accounts, accountChanges, tokens, writer, memberships, live } = chat;
  const { trustProxy, auth: authMode, adminToken, requestsPerMinute } = settings;
  const connectionTracker = trackConnections(settings.maxConnections, log);
  const waiting = buildWaiting(options);
  const forwarder = settings.standbyWrites === 'forward' ? new WriteForwarder(cluster, BODY_LIMIT) : null;
  const services: Services = {
    version,
    ...buildChecks(options),
    trustProxy,
    log,
    logLevel,
    logOutput,
    sequelize: database.sequelize,
    cluster,
    readiness,
    authMode,
    adminToken,
    requestsPerMinute,
    showsActiveUrl: settings.showActiveUrl,
    forwarder,
    notificationLimits: new NotificationLimits(settings.notificationsPerMinute, settings.notificationBytesPerMinute),
    hookPostsPerMinute: settings.hookPostsPerMinute,
    authenticator: buildAuthenticator(settings, chat, forwarder),
    ...chat.services,
    accounts,
    accountChanges,
    tokens,
    writer,
    memberships,
    live,
    eventLog,
    waiters,
    ...waiting,
    notifyQueue,
    lease: lock,
    listener,
    activity,
    tokenCache,
    measurements,
    queues: new RequestQueues(settings.poolSize),
    connectionTracker,
  };
  const server = new HttpServer(createApp(services), settings.maxConnections, connectionTracker, lock.touchLiveness);
  return { polls: waiting.polls, streams: waiting.streams, server, forwarder };
}

/** Builds the long polls and the streams, which share their slots. */
function buildWaiting({ settings, log, chat, coordination }: HttpOptions) {
  const { eventLog, waiters, subscriptions, live } = chat;
  const pollSlots = new PollSlots(settings.maxWaiters);
  const isServing = () => coordination.cluster.role !== 'fallen';
  const shared = { eventLog, waiters, subscriptions, pollSlots, isServing };
  return {
    pollSlots,
    polls: new LongPolls({ ...shared, signals: live?.delivery ?? null }),
    streams: new SseStreams({ ...shared, log }),
  };
}

/** Builds the checks of the headers Host and Origin. */
function buildChecks({ settings, url, coordination }: HttpOptions) {
  const { corsOrigin, allowedHosts, host } = settings;
  return {
    hosts: new HostCheck([host, ...allowedHosts], url),
    origins: new OriginCheck({
      origins: corsOrigin,
      loopback: isLoopback(host),
      nodeUrls: () => [url(), ...coordination.cluster.peers().map((peer) => peer.url)],
    }),
  };
}

/** Creates the tracker of open connections, which logs that all of them are taken. */
function trackConnections(maxConnections: number, log: Log): ConnectionTracker {
  const throttle = new LogThrottle();
  const sentence = `all ${maxConnections} connections are taken (MAX_CONNECTIONS): others are refused, and idle ones are closed to make room`;
  return new ConnectionTracker(() => {
    if (throttle.allows('full')) log.warn({ event: 'connections_full' }, sentence);
  });
}

/** Returns how clients authenticate: with a token of this service or a JWT of another one, or by the id that they send. */
function buildAuthenticator({ auth, adminToken }: Settings, chat: NodeChat, forwarder: WriteForwarder | null) {
  if (auth !== 'token') return trustEveryone;
  const { jwtVerifier: verifier, tokenCache, accounts } = chat;
  const createAccountOnActiveNode = async (token: string) =>
    (await forwarder?.createAccountOnActiveNode(token)) ?? false;
  const jwts = verifier && new JwtSessions({ verifier, cache: tokenCache, accounts, createAccountOnActiveNode });
  return authenticateByToken(tokenCache, adminToken, jwts);
}
