import { numberOption, parseCommand, UsageError, wholeOption } from '../terminal/arguments.ts';
import { FAULTS } from './faults/faults.ts';
import type { ProvePlan } from './prove-options.ts';

/** The parsed arguments of `plantao prove`. */
export interface ProveArguments extends ProvePlan {
  /** The URL of the server instead of the settings'. */
  url: string | null;
  database: string | null;
  /** Null: a folder named after the time. */
  out: string | null;
  json: boolean;
  keep: boolean;
  /** A history to check instead of a run. */
  check: string | null;
}

const DEFAULTS = { minutes: 5, nodes: 2, rate: 40, leaseMs: 2000 };

/** The text of --help. */
export const PROVE_USAGE = `plantao prove [--minutes M] [--failover-command CMD] [--database NAME] [--out FOLDER] [OPTIONS]
plantao prove --check FILE [--json] [--out FOLDER]

Runs a failover test on your own PostgreSQL (DATABASE_URL of the environment or .env; DATABASE_DIRECT_URL too behind a
transaction pooler; several hosts are fine): real nodes, writers with idempotency keys, readers with cursors, and faults that
need no root: kill -9, SIGSTOP, SIGTERM, switchovers, terminated sessions, connections that are cut, stalled, slow or half open.
Everything is recorded, and a checker looks for lost, doubled and reordered messages, for two active nodes and refused cursors.
It ends with one page, as text and as HTML.

The test uses a database of its own, which it creates and removes. Where the role may not create one, name an empty one with
--database; a database that holds anything is refused. Ctrl-C ends the faults early, checks what was recorded and cleans up; a
second one stops everything at once and cleans up; a third one exits.

  --minutes M               how long faults are injected, 0.1 to 1440 (default ${DEFAULTS.minutes}; a round of all faults takes about 1.5)
  --failover-command CMD    a shell command that fails your primary over now, e.g. "patronictl switchover --force"; it is
                            run as every fourth fault or so. It should return when it is done
  --database NAME           an empty database to use instead of creating one
  --url URL                 the server, instead of DATABASE_URL
  --nodes N                 2 to 7 (default ${DEFAULTS.nodes})
  --rate N                  posts per second, all writers together, 1 to 2000 (default ${DEFAULTS.rate})
  --lease-ms MS             LEASE_MS of the nodes, 300 to 60000 (default ${DEFAULTS.leaseMs})
  --faults KIND,KIND        only faults whose name contains one of these: ${FAULTS.map(({ kind }) => kind).join('; ')}
  --seed S                  repeats the random choices of a run (default: a new seed)
  --out FOLDER              for report.txt, report.html and history.ndjson (default plantao-prove-<time>); refused if it has a history
  --keep                    keep the database and the nodes' logs
  --json                    print the result as JSON
  --check FILE              check a recorded history again and write its report

Exit codes: 0 no violation; 1 a violation, which the report names; 2 the test could not start or could not finish
(invalid arguments, no such server, PostgreSQL did not come back).
`;

/** Parses the command line. @throws {UsageError} naming the first invalid argument. */
export function parseProveArguments(args: readonly string[]): ProveArguments {
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean', default: false } as const;
  const number = (value: number) => ({ type: 'string', default: String(value) }) as const;
  const { values } = parseCommand(args, {
    minutes: number(DEFAULTS.minutes),
    seed: number(Date.now() % 1_000_000),
    nodes: number(DEFAULTS.nodes),
    rate: number(DEFAULTS.rate),
    'lease-ms': number(DEFAULTS.leaseMs),
    ...{ faults: text, 'failover-command': text, url: text, database: text, out: text, check: text },
    ...{ json: flag, keep: flag },
  });
  const given = (name: 'url' | 'database' | 'out' | 'check' | 'failover-command') => {
    const text = values[name];
    if (text === undefined) return null;
    if (text.trim() === '') throw new UsageError(`--${name} is empty`);
    return text;
  };
  const only = (values.faults ?? '').split(',').filter((part) => part.trim() !== '');
  const unknown = only.find((part) => !FAULTS.some(({ kind }) => kind.includes(part)));
  if (unknown !== undefined) throw new UsageError(`--faults: no fault's name contains "${unknown}"`);
  const database = given('database');
  if (database !== null && /^postgres(ql)?:\/\//i.test(database)) {
    throw new UsageError('--database takes the name of an empty database; give a URL with --url');
  }
  return {
    minutes: numberOption('minutes', values.minutes, 0.1, 1440),
    seed: wholeOption('seed', values.seed, 0, 2 ** 31),
    nodes: wholeOption('nodes', values.nodes, 2, 7),
    rate: wholeOption('rate', values.rate, 1, 2000),
    leaseMs: wholeOption('lease-ms', values['lease-ms'], 300, 60_000),
    only,
    failoverCommand: given('failover-command'),
    url: given('url'),
    database,
    out: given('out'),
    check: given('check'),
    json: values.json,
    keep: values.keep,
  };
}

/** Returns the command that repeats a run, as it would be typed. Never contains a URL, which may have a password. */
export function repeatCommand(plan: ProveArguments): string {
  const parts = ['plantao prove', `--minutes ${plan.minutes}`, `--seed ${plan.seed}`];
  if (plan.nodes !== DEFAULTS.nodes) parts.push(`--nodes ${plan.nodes}`);
  if (plan.rate !== DEFAULTS.rate) parts.push(`--rate ${plan.rate}`);
  if (plan.leaseMs !== DEFAULTS.leaseMs) parts.push(`--lease-ms ${plan.leaseMs}`);
  if (plan.only.length > 0) parts.push(`--faults ${shellWord(plan.only.join(','))}`);
  if (plan.database !== null) parts.push(`--database ${shellWord(plan.database)}`);
  if (plan.failoverCommand !== null) parts.push(`--failover-command ${shellWord(plan.failoverCommand)}`);
  return parts.join(' ');
}

const shellWord = (text: string) => (/^[\w.,/-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`);
