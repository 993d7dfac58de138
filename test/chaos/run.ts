/** `npm run chaos -- --minutes M --seed S --nodes N`: injects random faults into a cluster and checks its guarantees. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type ChaosOptions, runChaos } from './chaos.ts';
import { CHAOS_FAULTS } from './faults/chaos-faults.ts';
import { progressLine, summary } from './report.ts';

const USAGE = `npm run chaos -- [--minutes 5] [--seed S] [--nodes 2] [--rate 80] [--lease-ms 2000] [--faults kill,freeze]
  --minutes   how long faults are injected; fractions are allowed
  --seed      for all random choices: faults, targets, durations, texts; default: a new one each time
  --nodes     2 to 7
  --rate      posts per second, all writers together
  --lease-ms  LEASE_MS of the nodes
  --faults    only kinds whose name contains one of these, from: ${CHAOS_FAULTS.map(({ kind }) => kind).join('; ')}`;

function readFlags(args: string[]): Omit<ChaosOptions, 'folder'> {
  const { values } = parseArgs({
    args,
    options: {
      minutes: { type: 'string', default: '5' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      nodes: { type: 'string', default: '2' },
      rate: { type: 'string', default: '80' },
      'lease-ms': { type: 'string', default: '2000' },
      faults: { type: 'string', default: '' },
    },
  });
  const number = (name: keyof typeof values, low: number, high: number) => {
    const value = Number(values[name]);
    if (value >= low && value <= high) return value;
    throw new Error(`--${name} must be a number from ${low} to ${high}`);
  };
  const only = values.faults.split(',').filter((part) => part !== '');
  const unknown = only.find((part) => !CHAOS_FAULTS.some(({ kind }) => kind.includes(part)));
  if (unknown !== undefined) throw new Error(`--faults: no fault's name contains "${unknown}"`);
  return {
    durationMs: number('minutes', 0.05, 24 * 60) * 60_000,
    seed: Math.trunc(number('seed', 0, 2 ** 31)),
    nodes: Math.trunc(number('nodes', 2, 7)),
    rate: number('rate', 1, 2000),
    leaseMs: Math.trunc(number('lease-ms', 300, 60_000)),
    only,
  };
}

/** The first Ctrl-C ends the faults and checks the history so far; the second exits at once (the guards end the rest). */
function endOnSignal(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(130);
      process.stderr.write('\nhealing, reading to the end, checking (press again to exit at once)\n');
      ending.abort();
    });
  }
  return ending.signal;
}

async function main(): Promise<number> {
  const flags = readFlags(process.argv.slice(2));
  const project = fileURLToPath(new URL('../..', import.meta.url));
  const began = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
  const folder = path.join(project, '.chaos', `${began}-seed-${flags.seed}`);
  const shown = path.relative(process.cwd(), folder);
  const only = flags.only.length > 0 ? ` --faults ${flags.only.join(',')}` : '';
  const repeatCommand = `npm run chaos -- --minutes ${flags.durationMs / 60_000} --seed ${flags.seed} --nodes ${flags.nodes} --rate ${flags.rate} --lease-ms ${flags.leaseMs}${only}`;
  console.log(repeatCommand);
  let updates = 0;
  const result = await runChaos({
    ...flags,
    folder,
    signal: endOnSignal(),
    progress(state) {
      // On a terminal the line is overwritten; in a log file only every sixtieth is written.
      if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${progressLine(state)}`);
      else if (updates++ % 60 === 0) console.log(progressLine(state));
    },
  });
  console.log(`\n${summary(result)}\n\nhistory and logs: ${shown}\nrepeat with: ${repeatCommand}`);
  return result.valid ? 0 : 1;
}

try {
  if (process.argv.includes('--help')) console.log(USAGE);
  else process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (process.exitCode === undefined) console.error(`\n${USAGE}`);
  process.exitCode = 2;
}
