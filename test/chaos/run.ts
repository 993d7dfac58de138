/** `npm run chaos -- --minutes M --seed S --nodes N`: breaks a cluster at random and checks what it promised. */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { type CampaignOptions, runCampaign } from './campaign.ts';
import { FAULTS } from './faults.ts';
import { progressLine, summary } from './report.ts';

const USAGE = `npm run chaos -- [--minutes 5] [--seed S] [--nodes 2] [--rate 80] [--lease-ms 2000] [--faults kill,freeze]
  --minutes   how long faults are inflicted; a fraction will do
  --seed      of all that is drawn: faults, targets, durations, texts; default: another one each time
  --nodes     2 to 7
  --rate      posts a second of all writers together
  --lease-ms  LEASE_MS of the nodes
  --faults    only kinds that have one of these in their name, of: ${FAULTS.map(({ kind }) => kind).join('; ')}`;

function readFlags(args: string[]): Omit<CampaignOptions, 'folder'> {
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
  const missing = only.find((part) => !FAULTS.some(({ kind }) => kind.includes(part)));
  if (missing !== undefined) throw new Error(`--faults: no fault has "${missing}" in its name`);
  return {
    durationMs: number('minutes', 0.05, 24 * 60) * 60_000,
    seed: Math.trunc(number('seed', 0, 2 ** 31)),
    nodes: Math.trunc(number('nodes', 2, 7)),
    rate: number('rate', 1, 2000),
    leaseMs: Math.trunc(number('lease-ms', 300, 60_000)),
    only,
  };
}

/** The first Ctrl-C ends the faults and has what there is judged; the second leaves at once (the guards end the rest). */
function endOnSignal(): AbortSignal {
  const ending = new AbortController();
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      if (ending.signal.aborted) process.exit(130);
      process.stderr.write('\nhealing, reading to the end, checking (again: leave at once)\n');
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
  const again = `npm run chaos -- --minutes ${flags.durationMs / 60_000} --seed ${flags.seed} --nodes ${flags.nodes} --rate ${flags.rate} --lease-ms ${flags.leaseMs}${only}`;
  console.log(again);
  let told = 0;
  const verdict = await runCampaign({
    ...flags,
    folder,
    signal: endOnSignal(),
    progress(state) {
      // One line over and over on a terminal; in a log file one now and then.
      if (process.stdout.isTTY) process.stdout.write(`\r\u001b[K${progressLine(state)}`);
      else if (told++ % 60 === 0) console.log(progressLine(state));
    },
  });
  console.log(`\n${summary(verdict)}\n\nhistory and logs: ${shown}\nthe same faults again: ${again}`);
  return verdict.valid ? 0 : 1;
}

try {
  process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.message : error);
  if (process.exitCode === undefined) console.error(`\n${USAGE}`);
  process.exitCode = 2;
}
