import { buildSignIn } from '../../chat/auth/sign-in.ts';
import { buildChatServices } from '../../chat/chat-services.ts';
import { MessageWriter } from '../../chat/posting/message-writer.ts';
import { Users } from '../../chat/users/users.ts';
import type { ToBlockedError } from '../../database/checks/blocking.ts';
import { fencedWrite } from '../../database/writes/fenced-write.ts';
import { isReplicated } from '../../database/writes/replication.ts';
import { Sequences } from '../../database/writes/sequences.ts';
import type { Log } from '../../log/log.ts';
import type { Measurements } from '../../measurements/measurements.ts';
import type { Settings } from '../../settings.ts';
import { buildBackgroundTasks } from './background-tasks.ts';
import type { NodeDatabase } from './database.ts';
import { buildDelivery } from './delivery.ts';
import type { NodeEvents } from './node-events.ts';

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

/** Builds the event log and its delivery, and the reads and writes of the chat. Nothing runs before `start`. */
export function buildChat(options: ChatOptions) {
  const { settings, log, database, fencingToken, toBlockedError, measurements, events } = options;
  const { sequelize, writerSession, tokenSession, commitLimitMs } = database;
  const onTermRefused = (token: number) => void events.emit('termRefused', token);
  const isTokenMode = settings.auth === 'token';
  const sequences = new Sequences(sequelize, log);
  const repairSequences = () => sequences.repair();
  const write = fencedWrite(sequelize, fencingToken, { toBlockedError, repairSequences, onTermRefused });
  const users = new Users(sequelize);
  const signIn = buildSignIn({ sequelize, write, users, session: tokenSession, toBlockedError, log, settings });
  const { tokenCache, jwtVerifier } = signIn;
  const delivery = buildDelivery({ settings, log, database, tokenCache, measurements, events });
  const { eventLog, live } = delivery;
  const backgroundTasks = buildBackgroundTasks({ settings, log, sequelize, write, fencingToken, onTermRefused });
  const { groupRemoval } = backgroundTasks;

  return {
    ...signIn,
    ...delivery,
    backgroundTasks,
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
    /** Starts the parts that read. The background tasks start once the node serves requests. */
    async start(): Promise<void> {
      if (isTokenMode) await tokenCache.start();
      jwtVerifier?.start();
      await eventLog.start();
      live?.start();
    },
    async stop(): Promise<void> {
      live?.stop();
      jwtVerifier?.stop();
      await Promise.all([eventLog.stop(), tokenCache.stop(), backgroundTasks.stop()]);
    },
  };
}
