/** `npm run seed-data`: adds the demo data to the configured database. */
import { SqlState, sqlState } from '../database/errors.ts';
import { reachable } from '../database/reachable.ts';
import { seedData } from '../local-cluster/demo-data.ts';
import { messageOf } from '../message-of.ts';
import { printableLines } from '../printable.ts';
import { processEnvironment, readSettings } from '../settings.ts';

try {
  const url = readSettings(processEnvironment()).databaseDirectUrl;
  const added = await reachable(url, () => seedData(url));
  console.log(added ? 'demo data added' : 'the demo data already exists');
} catch (error) {
  const isBare = sqlState(error) === SqlState.UNDEFINED_TABLE;
  console.error(
    isBare ? 'the database has no schema yet: run `npm run migrate` first' : printableLines(messageOf(error)),
  );
  process.exitCode = 1;
}
