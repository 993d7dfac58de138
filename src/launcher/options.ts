import { parseArgs } from 'node:util';
import { LauncherError } from './launcher-error.ts';

/** What `npm run cluster` was told on its command line. */
export interface LauncherOptions {
  nodes: number;
  /** Of the first node; the others have the next ones. */
  port: number;
  fresh: boolean;
  /** Where the embedded PostgreSQL keeps its data. */
  dataFolder: string;
  help: boolean;
}

/** The answer to --help. */
export const HELP = `npm run cluster -- [--nodes N] [--port P] [--fresh] [--data FOLDER] [--help]

Starts a PostgreSQL and N nodes on it, and keeps them running until Ctrl-C.

  --nodes N   how many nodes, 1 to 20 (default 2)
  --port P    the first node's port; the others have the next ones (default 8080)
  --fresh     throw the data away that earlier starts have kept
  --data F    keep the data in the folder F instead of .data/
  --help      this text

With DATABASE_URL (or DB_NAME, DB_USER, …) set, in the environment or in .env, that database is used and no PostgreSQL is
started; the demo accounts (ana_orm and bruno_orm, without passwords) and their group are added to it as well. Every other
setting of .env.example is passed on to the nodes.
`;

/**
 * Reads the arguments after the command; `defaultDataFolder` serves where none names another.
 *
 * @throws LauncherError naming the first one that is wrong
 */
export function parseOptions(args: string[], defaultDataFolder: string): LauncherOptions {
  const flags = {
    nodes: { type: 'string', default: '2' },
    port: { type: 'string', default: '8080' },
    fresh: { type: 'boolean', default: false },
    data: { type: 'string', default: defaultDataFolder },
    help: { type: 'boolean', short: 'h', default: false },
  } as const;
  let values: { nodes: string; port: string; fresh: boolean; data: string; help: boolean };
  try {
    values = parseArgs({ args, options: flags, strict: true }).values;
  } catch (error) {
    const sentence = error instanceof Error ? (error.message.split(/[.\n]/)[0] ?? '') : String(error);
    throw new LauncherError(`${sentence}: see npm run cluster -- --help.`);
  }
  const nodes = whole('--nodes', values.nodes, 1, 20);
  const port = whole('--port', values.port, 1, 65_536 - nodes);
  if (values.data.trim() === '') throw new LauncherError('--data needs the name of a folder.');
  return { nodes, port, fresh: values.fresh, dataFolder: values.data, help: values.help };
}

function whole(flag: string, text: string, least: number, most: number): number {
  const value = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (value >= least && value <= most) return value;
  throw new LauncherError(`${flag} must be a whole number from ${least} to ${most}, not "${text}".`);
}
