/**
 * `npm run test:replication`: a cluster of nodes on two PostgreSQL servers under Patroni, faults of the servers under load, and
 * the checker. Installs nothing: it says which packages are missing.
 */
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { summary } from '../chaos/report.ts';
import { gapTable } from './gap-table.ts';
import { findPrograms } from './programs.ts';
import { type ReplicationRunOptions, runReplication } from './replication-run.ts';

const USAGE = `npm run test:replication -- [--mode both] [--route haproxy] [--rounds 1] [--nodes 3] [--rate 60] [--seed S] [--faults kill]
  --mode    sync, async or both: how PostgreSQL replicates
  --route   haproxy, or hosts: nodes have a DATABASE_URL with both servers
  --rounds  how often each fault is injected
  --faults  only kinds whose name contains one of these parts`;

type Flags = Omit<ReplicationRunOptions, 'programs' | 'folder' | 'synchronous' | 'log'> & {
  modes: ('sync' | 'async')[];
};

function readFlags(args: string[]): Flags {
  const { values } = parseArgs({
    args,
    options: {
      mode: { type: 'string', default: 'both' },
      route: { type: 'string', default: 'haproxy' },
      rounds: { type: 'string', default: '1' },
      nodes: { type: 'string', default: '3' },
      rate: { type: 'string', default: '60' },
      seed: { type: 'string', default: String(Date.now() % 1_000_000) },
      faults: { type: 'string', default: '' },
    },
  });
  const whole = (name: 'rounds' | 'nodes' | 'rate' | 'seed', low: number, high: number) => {
    const value = Number(values[name]);
    if (Number.isInteger(value) && value >= low && value <= high) return value;
    throw new Error(`--${name} must be a whole number from ${low} to ${high}`);
  };
  const { mode, route } = values;
  if (mode !== 'sync' && mode !== 'async' && mode !== 'both') throw new Error('--mode must be sync, async or both');
  if (route !== 'haproxy' && route !== 'hosts') throw new Error('--route must be haproxy or hosts');
  return {
    modes: mode === 'both' ? ['sync', 'async'] : [mode],
    route,
    rounds: whole('rounds', 1, 100),
    nodes: whole('nodes', 1, 7),
    rate: whole('rate', 1, 2000),
    seed: whole('seed', 0, 2 ** 31),
    only: values.faults.split(',').filter((part) => part !== ''),
  };
}

async function main(): Promise<number> {
  const { modes, ...flags } = readFlags(process.argv.slice(2));
  const programs = await findPrograms();
  if (typeof programs === 'string') {
    console.log(programs);
    return 0;
  }
  let isValid = true;
  for (const mode of modes) {
    const began = new Date().toISOString().replace(/[-:]|\.\d+/g, '');
    const folder = fileURLToPath(new URL(path.join('../../.chaos', `${began}-replication-${mode}`), import.meta.url));
    console.log(`\n${mode === 'sync' ? 'Synchronous' : 'Asynchronous'} replication (seed ${flags.seed})`);
    const log = (line: string) => console.log(`  ${new Date().toISOString().slice(11, 19)} ${line}`);
    const result = await runReplication({ ...flags, programs, folder, synchronous: mode === 'sync', log });
    console.log(
      `\n${summary(result)}\n\n${gapTable(result)}\n\nhistory and logs: ${path.relative(process.cwd(), folder)}`,
    );
    isValid &&= result.valid;
  }
  return isValid ? 0 : 1;
}

try {
  if (process.argv.includes('--help')) console.log(USAGE);
  else process.exitCode = await main();
} catch (error) {
  console.error(error instanceof Error ? error.stack : error);
  console.error(`\n${USAGE}`);
  process.exitCode = 2;
}
