import { withTimeout } from '../../async/with-timeout.ts';
import { buildSignIn } from '../../chat/auth/sign-in.ts';
import { buildChatServices } from '../../chat/chat-services.ts';
import { CatchUpReader } from '../../chat/delivery/catch-up-reader.ts';
import { EventDelivery } from '../../chat/delivery/event-delivery.ts';
import { MembershipCache } from '../../chat/delivery/membership-cache.ts';
import { MembershipLoader } from '../../chat/delivery/membership-loader.ts';
import { Subscriptions } from '../../chat/delivery/subscriptions.ts';
import { GroupRemoval } from '../../chat/groups/group-removal.ts';
import { Live } from '../../chat/live/live.ts';
import { MessageWriter } from '../../chat/posting/message-writer.ts';
import { IndexStore } from '../../chat/search/indexing/index-store.ts';
import { SearchIndexer } from '../../chat/search/indexing/search-indexer.ts';
import { Users } from '../../chat/users/users.ts';
import type { ToBlockedError } from '../../database/checks/blocking.ts';
import { fencedWrite } from '../../database/writes/fenced-write.ts';
import { isReplicated } from '../../database/writes/replication.ts';
import { Sequences } from '../../database/writes/sequences.ts';
import { EventLog } from '../../events/event-log.ts';
import { EventDecoder } from '../../events/reading/event-decoder.ts';
import { Retention } from '../../events/retention.ts';
import { Waiters } from '../../events/waiters.ts';
import type { Log } from '../../log/log.ts';
import type { Measurements } from '../../measurements.ts';
import type { Settings } from '../../settings.ts';
import type { NodeDatabase } from './database.ts';
import type { NodeEvents } from './node-events.ts';

/** Steps of retention, of the search index and of deletions take milliseconds. One that takes longer is rolled back with its connection. */
const STEP_STOP_LIMIT_MS = 1000;

/** Options of {@link buildChat}. */
export interface ChatOptions {
  settings: Settings;
  log: Log;
  database: NodeDatabase;
  /** Returns the fencing token of the term in which this node is active, or null. Every write proves it. */
  fencingToken(): number | null;
  toBlockedError: ToBlockedError;
  measurements: Measurements;
  events: NodeEvents;
}

/** The result of {@link buildChat}. */
export type NodeChat = ReturnType<typeof buildChat>;

/** Builds the event log, its waiters, and the reads and writes of the chat. Nothing runs before `start`. */
export function buildChat(options: ChatOptions) {
  const { settings, log, database, fencingToken, toBlockedError, measurements, events } = options;
  const { sequelize, logSession, writerSession, tokenSession, commitLimitMs } = database;
  const onTermRefused = (token: number) => void events.emit('termRefused', token);
  const isTokenMode = settings.auth === 'token';
  const sequences = new Sequences(sequelize, log);
  const repairSequences = () => sequences.repair();
  const write = fencedWrite(sequelize, fencingToken, { toBlockedError, repairSequences, onTermRefused });
  const users = new Users(sequelize);
  const { accounts, accountChanges, tokens, tokenCache, jwtVerifier } = buildSignIn({
    sequelize,
    write,
    users,
    session: tokenSession,
    toBlockedError,
    log,
    settings,
  });
  const waiters = new Waiters((ms) => measurements.wokeAll(ms));
  const membershipCache = new MembershipCache(settings.maxWaiters);
  const delivery = new EventDelivery(waiters, membershipCache);
  const decoder = new EventDecoder(log);
  const eventLog = new EventLog({
    session: isTokenMode ? tokenCache.afterRevocations(logSession) : logSession,
    log,
    decoder,
    onEvents: (batch, end) => delivery.deliver(batch, end),
    comparisons: (event) => waiters.comparisons(event),
    onDelivered: (ageMs) => measurements.delivered(ageMs),
    interest: () => delivery.interest(),
    onNewHistory(cursor) {
      tokenCache.forget();
      delivery.abandon(cursor);
    },
    onMissedNotification: () => void events.emit('notificationMissed'),
  });
  const memberships = new MembershipLoader(logSession, eventLog, membershipCache);
  const catchUpReader = new CatchUpReader(database.catchUpSession, decoder);
  const subscriptions = new Subscriptions(eventLog, catchUpReader, waiters, membershipCache);
  const live = settings.presence
    ? new Live({ session: database.signalSession, log, eventLog, waiters, cache: membershipCache, memberships })
    : null;
  const retention = new Retention({
    sequelize,
    log,
    fencingToken,
    onTermRefused,
    eventHours: settings.eventRetentionHours,
    eventCount: settings.eventRetentionCount,
    eventBytes: settings.eventRetentionBytes,
    keyHours: settings.idempotencyRetentionHours,
  });
  const isActive = () => fencingToken() !== null;
  const searchIndexer = new SearchIndexer({ store: new IndexStore(sequelize, write), log, isActive });
  const groupRemoval = new GroupRemoval({ sequelize, write, log, isActive });

  return {
    accounts,
    accountChanges,
    tokens,
    tokenCache,
    jwtVerifier,
    waiters,
    eventLog,
    memberships,
    subscriptions,
    live,
    retention,
    searchIndexer,
    groupRemoval,
    sequences,
    writer: new MessageWriter({
      session: writerSession,
      fencingToken,
      onTermRefused,
      repairSequences,
      membersOnly: isTokenMode,
      commitLimitMs,
      toBlockedError,
      measurements,
      isReplicated: () => isReplicated(sequelize),
    }),
    services: buildChatServices({ sequelize, write, users, groupRemoval, keepsHistory: settings.editHistory, log }),
    async start(): Promise<void> {
      if (isTokenMode) await tokenCache.start();
      jwtVerifier?.start();
      await eventLog.start();
      live?.start();
    },
    async stop(): Promise<void> {
      live?.stop();
      jwtVerifier?.stop();
      const steps = [retention.stop(), searchIndexer.stop(), groupRemoval.stop()];
      const stopping = steps.map((step) => withTimeout(STEP_STOP_LIMIT_MS, step, () => {}));
      await Promise.all([eventLog.stop(), tokenCache.stop(), ...stopping]);
    },
  };
}
