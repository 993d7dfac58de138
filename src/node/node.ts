/** One node of the cluster, from its settings to its end. assemble.ts puts its parts together. */
import { withDatabaseAdvice } from '../database/database-advice.ts';
import { migrate } from '../database/migrator.ts';
import { captureWarnings, createLog, type Log } from '../log/log.ts';
import { LogLevel } from '../log/log-level.ts';
import { standardOutput } from '../log/log-output.ts';
import { settingsWarnings } from '../settings/warnings.ts';
import type { Settings } from '../settings.ts';
import { assemble, type GivenParts } from './assemble.ts';
import { type FittedLimits, fitToOpenFiles, openFilesLimit } from './open-files.ts';
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
    await prepareDatabase(settings, log, stopped.signal);
    stopped.signal.throwIfAborted();
    const fitted = { ...settings, ...fittedLimits(settings, log) };
    parts = assemble({ settings: fitted, node: name, log, logLevel, logOutput, given });
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

/** Migrates the database, and warns of what is wrong with it or with the settings. */
async function prepareDatabase(settings: Settings, log: Log, signal: AbortSignal): Promise<void> {
  const { databaseDirectUrl: url } = settings;
  const applied = await withDatabaseAdvice(url, () => migrate(url, { log: (line) => log.info(line), signal }));
  if (applied > 0) log.info(`the schema is up to date (migrations applied: ${applied})`);
  const databaseWarnings = await checkDatabase(settings, { skipTables: true });
  for (const warning of [...settingsWarnings(settings), ...databaseWarnings]) log.warn(warning);
}

/**
 * Returns the limits that the system allows, and logs those that it reduces. Some systems permit a little less than MAX_CONNECTIONS
 * by default; much less may surprise, so it is a warning.
 */
function fittedLimits(settings: Settings, log: Log): FittedLimits {
  const openFiles = openFilesLimit();
  const limits = fitToOpenFiles(settings, openFiles);
  const { maxConnections, maxWaiters } = limits;
  if (maxConnections >= settings.maxConnections) return limits;
  const isMuchLess = maxConnections * 2 < settings.maxConnections;
  log[isMuchLess ? 'warn' : 'info'](
    `the system lets this process open ${openFiles} files, so MAX_CONNECTIONS is ${maxConnections} instead of ${settings.maxConnections}, and MAX_WAITERS ${maxWaiters}: raise the limit (ulimit -n, LimitNOFILE), or set them lower`,
  );
  return limits;
}
