/**
 * `npm start`: starts one node with the settings of the environment and `.env`. SIGTERM, SIGINT and SIGHUP stop it gracefully, a
 * second one at once. SIGUSR2 turns the debug log on and off.
 */
import './settings/native-driver.ts';
import { SqlState, sqlState } from './database/errors.ts';
import { errorMessage } from './error-message.ts';
import { printableLines } from './log/printable.ts';
import { processEnvironment } from './settings/process-environment.ts';
import { readSettings } from './settings.ts';

/** Longer than all steps of an orderly stop. A stop that hangs is a bug, and must not keep the process alive. */
const STOP_LIMIT_MS = 10_000;

/** SIGHUP: the terminal was closed. */
const STOP_SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

/**
 * Exits, and lets a further signal end the process at once: an exit waits for look-ups of host names, half a minute if the DNS does
 * not respond.
 */
function exit(code: number): never {
  for (const signal of STOP_SIGNALS) process.removeAllListeners(signal);
  process.exit(code);
}

/** Ends the process without waiting for anything. */
function endNow(): void {
  process.kill(process.pid, 'SIGKILL');
}

let isStopping = false;
try {
  const settings = readSettings(processEnvironment());
  // Loaded here because some of its libraries need a working folder, which may have been deleted.
  const { createNode } = await import('./node/node.ts');
  const node = createNode(settings);
  node.captureWarnings();
  const stop = () => {
    if (isStopping) endNow();
    isStopping = true;
    setTimeout(endNow, STOP_LIMIT_MS).unref();
    node.stop().then(
      () => exit(0),
      (error) => {
        console.error(printableLines(errorMessage(error)));
        exit(1);
      },
    );
  };
  for (const signal of STOP_SIGNALS) process.on(signal, stop);
  // Windows has no such signal.
  if (process.platform !== 'win32') process.on('SIGUSR2', () => node.toggleDebugLog());
  await node.start();
} catch (error) {
  // A start that a signal has ended is not a failure: `stop` exits.
  if (!isStopping) {
    console.error(printableLines(`cannot start: ${errorMessage(error)}${remedyFor(error)}`));
    process.exit(1);
  }
}

/** Returns the remedy for an error of PostgreSQL that does not name one, otherwise an empty string. */
function remedyFor(error: unknown): string {
  const isBlocked = sqlState(error) === SqlState.LOCK_NOT_AVAILABLE;
  if (!isBlocked) return '';
  return '. Another transaction holds a lock that the node needs: plantao status names it and the statement that ends it';
}
