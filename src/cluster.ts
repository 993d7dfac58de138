/**
 * `npm run cluster`: a PostgreSQL (the embedded one, unless a database is named) and nodes on it, each a process of its
 * own, watched over and started again until Ctrl-C.
 */
import { fileURLToPath } from 'node:url';
import { seedData } from './chat/seed-data.ts';
import { messageOf } from './database/errors.ts';
import { Launcher } from './launcher/launcher.ts';
import { HELP, parseOptions } from './launcher/options.ts';
import { openOutput } from './launcher/output.ts';
import { processEnvironment, readSettings } from './settings.ts';

/** At a Ctrl-C the terminal signals npm and us, and npm signals us once more: two signals this close are one Ctrl-C. */
const SAME_SIGNAL_MS = 500;

async function run(): Promise<void> {
  const options = parseOptions(process.argv.slice(2), fileURLToPath(new URL('../.data', import.meta.url)));
  if (options.help) {
    process.stdout.write(HELP);
    return;
  }
  const environment = processEnvironment();
  const names = Array.from({ length: options.nodes }, (_, index) => `node-${options.port + index}`);
  const launcher = new Launcher({
    ...options,
    environment,
    check: readSettings,
    seed: seedData,
    output: openOutput(names, (text) => void process.stdout.write(text)),
  });
  stopOnSignals(launcher);
  await launcher.run();
}

function stopOnSignals(launcher: Launcher): void {
  let first: number | null = null;
  const stop = () => {
    if (first !== null && Date.now() - first < SAME_SIGNAL_MS) return;
    if (first !== null) {
      launcher.kill();
      process.exit(1);
    }
    first = Date.now();
    void launcher.stop();
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop);
  // Whoever read our output has gone, as with "| head".
  process.stdout.on('error', stop);
}

try {
  await run();
  process.exit(0);
} catch (error) {
  process.stderr.write(`${messageOf(error)}\n`);
  process.exit(1);
}
