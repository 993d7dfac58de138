import path from 'node:path';
import { seedData } from '../../local-cluster/demo-data.ts';
import { Launcher } from '../../local-cluster/launcher.ts';
import { HELP, parseOptions } from '../../local-cluster/options.ts';
import { openOutput } from '../../local-cluster/output.ts';
import { boundedStandardOutput } from '../../log/log-output.ts';
import { DATA_HOME } from '../../package-root.ts';
import { processEnvironment } from '../../settings/process-environment.ts';
import { readSettings } from '../../settings.ts';
import type { Command } from '../command/command.ts';
import { Exit } from '../command/exit.ts';

/** On Ctrl-C the terminal signals npm and this process, and npm signals us again: two signals this close are one Ctrl-C. */
const SAME_SIGNAL_MS = 500;

/**
 * `plantao cluster`: starts PostgreSQL (embedded, unless the settings name a database) and nodes, each in its own process, and
 * restarts every process that exits, until Ctrl-C.
 */
export const cluster: Command = {
  usage: HELP,
  async run(args) {
    const options = parseOptions(args, path.join(DATA_HOME, '.data'));
    const environment = processEnvironment();
    const names = Array.from({ length: options.nodes }, (_, index) => `node-${options.port + index}`);
    const output = boundedStandardOutput();
    output.onResume = (lost) => output.write(`cluster: ${lost} lines were lost: nothing read them for a while\n`);
    const launcher = new Launcher({
      ...options,
      environment,
      check: readSettings,
      seed: seedData,
      output: openOutput(names, output.write),
    });
    stopOnSignals(launcher);
    await launcher.run();
    return Exit.OK;
  },
};

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
  // The reader of our output has closed it, as with "| head".
  process.stdout.on('error', stop);
}
