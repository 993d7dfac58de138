/**
 * One node, put together. The way of a message: http/message-routes → chat/message-writer → PostgreSQL (fence, log and
 * NOTIFY in one transaction) → database/listener hears the hint → events/event-log reads → chat/subscriptions →
 * events/waiters → http/long-poll. Why only one node writes: coordination/sync-manager.
 */
import { readFileSync } from 'node:fs';
import { readSignal } from '../coordination/cluster-signal.ts';
import { BlockerWatch } from '../database/blocker-watch.ts';
import { Listener } from '../database/listener.ts';
import { migrate } from '../database/migrator.ts';
import { NotifyQueue } from '../database/notify-queue.ts';
import { reachable } from '../database/reachable.ts';
import { createLog, type Log } from '../log.ts';
import { type Settings, warningsAbout } from '../settings.ts';
import { buildChat } from './chat.ts';
import { Conditions } from './conditions.ts';
import { buildDuty, type NodeDuty } from './coordination.ts';
import { openDatabase } from './database.ts';
import { buildHttp } from './http.ts';
import { Readiness } from './readiness.ts';
import { checkDatabase } from './start-check.ts';

const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
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

/** The parts, from the database up to HTTP. What a lower one has to tell a higher one is a callback. */
function assemble(settings: Settings, node: string, log: Log) {
  let address = settings.nodeUrl ?? `http://localhost:${settings.port}`;
  const url = () => address;
  const database = openDatabase(settings, node);
  const conditions = new Conditions(log);
  const notifyQueue = new NotifyQueue({
    sequelize: database.sequelize,
    onFull: (sentence, holder) => conditions.begin('notify_queue', sentence, { detail: holder }),
    onRoom: () => conditions.end('notify_queue', 'the NOTIFY queue has room: notifications are sent again'),
  });
  /** Where none is sent, a listener that hears none is as good as another. */
  const replaceListener = async () => {
    if (await notifyQueue.wereHintsSent()) listener.replace('the event log moved and no notification of it came');
  };
  const blockers = new BlockerWatch(database.catchingUp, log);
  const chat = buildChat({
    settings,
    log,
    database,
    term: () => duty.lock.term,
    explain: blockers.explain,
    onDeaf: () => void replaceListener(),
  });
  const isReady = () => readiness.canRead;
  const duty: NodeDuty = buildDuty({ settings, node, version, url, log, database, chat, blockers, isReady });
  const channels = ['plantao_events', 'plantao_cluster', 'plantao_tokens'];
  const listener = new Listener(
    database.listenOptions(),
    channels,
    {
      onListening: () => void chat.eventLog.catchUp(),
      onNotification(channel, payload) {
        if (channel === 'plantao_events') return chat.eventLog.hint(payload);
        if (channel === 'plantao_tokens') return chat.knownTokens.hint();
        const signal = readSignal(payload);
        if (signal?.kind === 'promoted') void chat.eventLog.refresh();
        if (signal) duty.hear(signal);
      },
    },
    log,
  );
  const readiness = new Readiness({
    conditions,
    role: () => duty.sync.role,
    isReading: () => chat.eventLog.isReading,
    isListening: () => listener.isListening,
    promotionTrouble: () => duty.sync.promotionTrouble,
    writer: chat.writer,
  });
  const http = buildHttp({ settings, node, version, url, log, database, chat, duty, readiness, notifyQueue });

  return {
    url,
    async start() {
      duty.lock.start();
      await duty.identity.load();
      await chat.start();
      await listener.start();
      // Warm before peers can see this node: the active may die in the next moment, and who then tries first is on duty.
      await Promise.all([database.writing.ready(), duty.lock.prepare()]);
      const port = await http.server.listen(settings.port, settings.host);
      address = settings.nodeUrl ?? `http://localhost:${port}`;
      duty.sync.start();
      chat.retention.start();
      notifyQueue.start();
      readiness.start();
      log.info({ event: 'listening', url: address, pid: process.pid }, `serving at ${address}`);
    },
    /** Each step leaves the later ones what they need: duty first, so that a peer is active before this process is gone. */
    async stop() {
      readiness.stop();
      await duty.sync.stop();
      http.polls.drain();
      http.streams.drain();
      await http.server.close();
      listener.stop();
      blockers.stop();
      // Together: what waits for a database that does not answer ends with its session.
      await Promise.all([duty.lock.stop(), chat.stop(), notifyQueue.stop(), database.stop()]);
    },
  };
}
