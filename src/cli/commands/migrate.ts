import { MIGRATION_LOCK } from '../../database/advisory-locks.ts';
import { withDatabaseAdvice } from '../../database/database-advice.ts';
import { migrate, planMigrations } from '../../database/migrator.ts';
import { parseCommand } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { databaseUrl } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { Exit } from '../command/exit.ts';

/** Printed before the plan, so that no node migrates at the same time. */
const LOCK = `-- Run it with psql --set ON_ERROR_STOP=1 as the owner of the schema.
SELECT pg_advisory_lock(${MIGRATION_LOCK.join(', ')}); -- until the session ends`;

/** `plantao migrate` */
export const migrateCommand: Command = {
  usage: `plantao migrate [--plan] [--database URL] [--json]

Migrates the database to this version's schema, each migration in a transaction of its own. Nodes do the same when they
start; run it by hand if the nodes' role does not own the schema.

  --plan          print the SQL of the missing migrations and change nothing; exit code 0 with or without any
${DATABASE_USAGE}`,
  async run(args, io) {
    const { values } = parseCommand(args, { ...DATABASE_OPTIONS, plan: { type: 'boolean', default: false } });
    const url = databaseUrl(values.database);
    if (values.plan) {
      const missing = await withDatabaseAdvice(url, () => planMigrations(url));
      if (values.json) io.printJson(missing);
      else if (missing.length === 0) io.print('-- the schema is up to date');
      else io.print([LOCK, ...missing.map(({ name, sql }) => `-- ${name}\n${sql}`)].join('\n'));
      return Exit.OK;
    }
    const log = (line: string) => (values.json ? io.notice(line) : io.print(line));
    const applied = await withDatabaseAdvice(url, () => migrate(url, { log }));
    if (values.json) io.printJson({ applied });
    else io.print(applied === 0 ? 'the schema is up to date' : `${applied} migrations applied`);
    return Exit.OK;
  },
};
