import { parseCommand, UsageError, wholeOption } from '../terminal/arguments.ts';

/** The options of `plantao cluster`. */
export interface LauncherOptions {
  nodes: number;
  /** The first node's port; the other nodes use the following ports. */
  port: number;
  fresh: boolean;
  /** Standbys of PostgreSQL: 0 or 1. */
  replicas: number;
  /** The folder of the embedded PostgreSQL's data. */
  dataFolder: string;
}

/** The text of --help. */
export const HELP = `plantao cluster [--nodes N] [--port P] [--replicas 1] [--fresh] [--data FOLDER]

Starts PostgreSQL and N nodes, and keeps them running until Ctrl-C.

  --nodes N   number of nodes, 1 to 20 (default 2)
  --port P    the first node's port; the others use the following ports (default 8080)
  --fresh     delete the data of earlier runs
  --data F    store the data in folder F instead of .data/
  --replicas 1
              run a primary and a synchronous standby of an installed PostgreSQL (initdb, postgres and pg_basebackup on PATH or
              in Debian's folders) instead of the embedded one, and promote the standby when the primary exits: a demonstration.
              In production, use Patroni or a managed service

If DATABASE_URL (or DB_NAME, DB_USER, …) is set in the environment or in .env, the nodes use that database and no
PostgreSQL is started; the demo accounts (ana_orm and bruno_orm, without passwords) and their group are added to it too. All
other settings of .env.example are passed on to the nodes.
`;

/**
 * Parses the arguments after the command; `defaultDataFolder` is used unless they name another.
 *
 * @throws {UsageError} naming the first invalid argument.
 */
export function parseOptions(args: readonly string[], defaultDataFolder: string): LauncherOptions {
  const { values } = parseCommand(args, {
    nodes: { type: 'string', default: '2' },
    port: { type: 'string', default: '8080' },
    replicas: { type: 'string', default: '0' },
    fresh: { type: 'boolean', default: false },
    data: { type: 'string', default: defaultDataFolder },
  });
  const nodes = wholeOption('nodes', values.nodes, 1, 20);
  const port = wholeOption('port', values.port, 1, 65_536 - nodes);
  const replicas = wholeOption('replicas', values.replicas, 0, 1);
  if (values.data.trim() === '') throw new UsageError('--data needs a folder');
  return { nodes, port, replicas, fresh: values.fresh, dataFolder: values.data };
}
