import { withDatabaseAdvice } from '../../database/database-advice.ts';
import { SqlState, sqlState } from '../../database/errors.ts';
import { seedData } from '../../local-cluster/demo-data.ts';
import { parseCommand } from '../../terminal/arguments.ts';
import type { Command } from '../command/command.ts';
import { databaseUrl } from '../command/database.ts';
import { DATABASE_OPTIONS, DATABASE_USAGE } from '../command/database-options.ts';
import { Exit } from '../command/exit.ts';

/** `plantao seed-data` */
export const seedDataCommand: Command = {
  usage: `plantao seed-data [--database URL] [--json]

Adds the demo accounts (ana_orm and bruno_orm, without passwords) and their group, unless they exist.

${DATABASE_USAGE}`,
  async run(args, io) {
    const { values } = parseCommand(args, DATABASE_OPTIONS);
    const url = databaseUrl(values.database);
    const added = await withDatabaseAdvice(url, () => seedData(url)).catch((error) => {
      // The advice about an unusable database would be wrong here: only the schema is missing.
      throw sqlState(error) === SqlState.UNDEFINED_TABLE ? error.cause : error;
    });
    if (values.json) io.printJson({ added });
    else io.print(added ? 'demo data added' : 'the demo data already exists');
    return Exit.OK;
  },
};
